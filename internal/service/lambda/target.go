package lambda

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
	"cloister/policy"
)

// target is all that an invocation of a function at one qualifier needs, and
// what is asked of it most. It is immutable and shared, to its last map.
type target struct {
	policy  *policy.Named
	context policy.MapContext // the function's tags, as condition keys

	function *function
	version  *version // of an alias, the main one

	main  *invoke.Function
	other *invoke.Function // of an alias with a weight
	share float64          // of other, 0 to 1
}

// pick is the version that one invocation goes to.
func (t *target) pick() *invoke.Function { return t.choose(rand.Float64()) }

// choose is pick for a number from 0 up to, not including, 1.
func (t *target) choose(at float64) *invoke.Function {
	if t.other != nil && at < t.share {
		return t.other
	}
	return t.main
}

// targets keeps targets in memory, so that the path of an invocation touches
// no disk. A change to a function is acknowledged only after its targets have
// been dropped here.
type targets struct {
	service    *Service
	generation atomic.Uint64 // counts changes, so that no load outlives one

	mu   sync.RWMutex
	byAt map[ref]*target
}

// maxTargets bounds the memory; at the bound everything is read anew.
const maxTargets = 20_000

func newTargets(s *Service) *targets { return &targets{service: s, byAt: map[ref]*target{}} }

// follow drops targets when what they were made of changes, and retires the
// cells of versions that changed.
func (t *targets) follow() {
	for _, table := range []string{"lambda.function", "lambda.version", "lambda.alias", "lambda.permission"} {
		t.service.db.Subscribe(table, t.changed)
	}
}

func (t *targets) changed(change store.Change) {
	f := refOfKey(change.Key)
	t.generation.Add(1)
	t.mu.Lock()
	for at := range t.byAt {
		if at.Account == f.Account && at.Region == f.Region && at.Name == f.Name {
			delete(t.byAt, at)
		}
	}
	t.mu.Unlock()
	switch {
	case change.Table == "lambda.function" && change.Deleted:
		go t.service.fleet.Retire(f.functionARN(), "", "")
	case change.Table == "lambda.version":
		go t.service.retire(f, change.Key[3].(int64))
	}
}

// retire stops the cells of a version's earlier revisions; all of them, when it
// was deleted.
func (s *Service) retire(f ref, number int64) {
	v := &version{Number: number}
	err := s.db.View(context.Background(), func(r store.Reader) error {
		got, err := versions.Get(r, f.key(number))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			v = got
		}
		return err
	})
	if err == nil {
		s.fleet.Retire(f.functionARN(), v.name(), v.RevisionID)
	}
}

// cached is the target at f if it is in memory, else nil.
func (t *targets) cached(f ref) *target {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byAt[f]
}

// peek is get within a transaction: what is not in memory is read from r, and
// not kept, since r may be older than the last change.
func (t *targets) peek(r store.Reader, f ref) (*target, error) {
	if found := t.cached(f); found != nil {
		return found, nil
	}
	return loadTarget(r, f)
}

// get finds the target at f; ResourceNotFoundException if there is none.
func (t *targets) get(ctx context.Context, f ref) (*target, error) {
	found := t.cached(f)
	if found != nil {
		return found, nil
	}
	generation := t.generation.Load()
	err := t.service.db.View(ctx, func(r store.Reader) (err error) {
		found, err = loadTarget(r, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	t.keep(f, found, generation)
	return found, nil
}

// keep remembers a target, unless something changed since its load began.
func (t *targets) keep(f ref, found *target, generation uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.generation.Load() != generation {
		return
	}
	if len(t.byAt) >= maxTargets {
		clear(t.byAt)
	}
	t.byAt[f] = found
}

func loadTarget(r store.Reader, f ref) (*target, error) {
	fn, err := functions.Get(r, f.key())
	if err != nil {
		return nil, orNotFound(err, f)
	}
	t := &target{context: policy.MapContext{}, function: fn}
	addTags(t.context, "aws:resourcetag/", fn.Tags)
	if t.policy, err = functionPolicy(r, f); err != nil {
		return nil, err
	}
	if _, isVersion := versionNumber(f.Qualifier); !isVersion {
		return t, t.loadAlias(r, f, fn)
	}
	t.version, t.main, err = loadVersion(r, f, f.Qualifier, fn)
	return t, err
}

func (t *target) loadAlias(r store.Reader, f ref, fn *function) error {
	a, err := aliases.Get(r, f.key(f.Qualifier))
	if err != nil {
		return orNotFound(err, f)
	}
	for name, weight := range a.Weights {
		t.share = weight
		if _, t.other, err = loadVersion(r, f, name, fn); err != nil {
			return err
		}
	}
	t.version, t.main, err = loadVersion(r, f, a.Version, fn)
	return err
}

// loadVersion reads one version and makes the data plane's snapshot of it.
func loadVersion(r store.Reader, f ref, name string, fn *function) (*version, *invoke.Function, error) {
	number, ok := versionNumber(name)
	if !ok {
		return nil, nil, errors.New("an alias points to " + name + ", which is no version")
	}
	v, err := versions.Get(r, f.key(number))
	if err != nil {
		return nil, nil, orNotFound(err, f.qualified(name))
	}
	return v, v.snapshot(f, fn), nil
}

func (v *version) snapshot(f ref, fn *function) *invoke.Function {
	reserved := invoke.Unreserved
	if fn.Reserved != nil {
		reserved = int(*fn.Reserved)
	}
	return &invoke.Function{
		ARN: f.functionARN(), Account: f.Account, Region: f.Region, Name: f.Name,
		Version: v.name(), Revision: v.RevisionID,
		Runtime: v.Runtime, Handler: v.Handler,
		MemoryMB: int(v.MemoryMB), TmpMB: int(v.TmpMB), Timeout: time.Duration(v.Timeout) * time.Second,
		Env: v.Environment, OpenEnv: v.Sealed != nil || refers(v.Environment), RoleARN: v.Role, CodeID: v.Code.ID, SealedCode: v.Code.Under != nil, LayerIDs: v.codeIDs()[1:],
		Reserved: reserved, LogGroup: v.Logging.group(f), LogFormat: v.Logging.Format, Network: v.network(fn),
	}
}
