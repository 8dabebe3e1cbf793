package node

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"

	"cloister/internal/cell"
	"cloister/internal/door"
	"cloister/internal/service/lambda/codepkg"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/service/lambda/runtimes"
)

// cellsAhead is how many cells wait, with nothing of anybody in them, so that a
// first request does not wait for one to be made.
const cellsAhead = 2

// cellsBooted is how many cells wait with each interpreter that functions use
// booted in them: 8 MB each, with the AWS SDK of Python some 40.
const cellsBooted = 2

// codeBytes bounds the memory for unpacked code.
const codeBytes = 2 << 30

// plane is what runs functions. It is put together when the first function
// asks for it: a node without functions starts no spawner and mounts nothing.
type plane struct {
	node *Node

	once    sync.Once
	err     error // why there is none
	host    *cell.Host
	code    *codepkg.Cache
	umount  func() error
	fleet   atomic.Pointer[invoke.Fleet] // nil until started
	inside  *http.Server                 // serves the platform's endpoint in cells
	secrets *http.Server                 // and the interface for their secrets

	detect   sync.Once
	runtimes *runtimes.Set
	badSet   error
}

func newPlane(n *Node) *plane { return &plane{node: n} }

// set is the runtimes of this machine.
func (p *plane) set() (*runtimes.Set, error) {
	p.detect.Do(func() { p.runtimes, p.badSet = DetectRuntimes(p.node.config.Dir) })
	return p.runtimes, p.badSet
}

// DetectRuntimes finds the runtimes of this machine and those registered with
// the node on dir.
func DetectRuntimes(dir string) (*runtimes.Set, error) {
	registered, err := RegisteredRuntimes(dir)
	if err != nil {
		return nil, err
	}
	return runtimes.Detect(runtimes.Options{SupportDir: filepath.Join(dir, "support"), Registered: registered})
}

// Ready implements lambda.Runtimes.
func (p *plane) Ready(name string) bool {
	set, err := p.set()
	if err != nil {
		return false
	}
	_, ok := set.Lookup(name)
	return ok
}

// Names implements lambda.Runtimes.
func (p *plane) Names() []string {
	set, err := p.set()
	if err != nil {
		return nil
	}
	return set.Names()
}

// start puts the plane together.
func (p *plane) start() error {
	p.once.Do(func() {
		if p.err = p.build(); p.err != nil {
			p.err = &invoke.StartError{Err: p.err}
		}
	})
	return p.err
}

func (p *plane) build() (err error) {
	set, err := p.set()
	if err != nil {
		return fmt.Errorf("find the runtimes of this machine: %w", err)
	}
	dir := filepath.Join(p.node.config.Dir, "code")
	if p.umount, err = codepkg.MountMemory(dir, codeBytes); err != nil {
		return err
	}
	if p.code, err = codepkg.OpenCache(dir, codepkg.CacheOptions{MaxBytes: codeBytes}); err != nil {
		return err
	}
	if p.host, err = cell.NewHost(cell.HostOptions{Ahead: cellsAhead, Booted: cellsBooted}); err != nil {
		return err
	}
	p.host.Prepare()
	inside := newRoom(fileShare())
	p.inside = newServer(p.node.gate)
	p.inside.BaseContext = cellContext
	p.secrets = newServer(http.HandlerFunc(serveSecrets))
	p.secrets.BaseContext = cellContext
	p.fleet.Store(invoke.New(invoke.Options{
		Sandboxes:   invoke.FromHost(p.host),
		Runtimes:    set,
		Code:        p.code,
		OpenCode:    p.node.lambda.OpenCode,
		SealedCode:  p.node.lambda.CellCode,
		Credentials: p.node.lambda.Credentials,
		Environment: p.node.lambda.CellEnvironment,
		ServePlatform: func(l net.Listener, who invoke.CellIdentity) {
			serve(p.inside, cellListener{limit(l, newRoom(mostFromCell), inside), who, nil})
		},
		ServeSecrets: func(l net.Listener, who invoke.CellIdentity, own map[string]string) {
			serve(p.secrets, cellListener{limit(l, newRoom(mostFromCell), inside), who, p.node.lambda.SecretsEndpoint(who, own)})
		},
		Network: p.node.ways.of,
		Logs:    p.node.lambda.LogSink(),
	}))
	return nil
}

// cellListener is the platform's endpoint in one cell.
type cellListener struct {
	net.Listener
	who     invoke.CellIdentity
	secrets http.Handler // of a listener for secrets
}

type secretsKey struct{}

// serveSecrets hands a request to the interface of the cell that it came from.
func serveSecrets(w http.ResponseWriter, r *http.Request) {
	r.Context().Value(secretsKey{}).(http.Handler).ServeHTTP(w, r)
}

// cellContext is the context of the connections to one cell's endpoint.
func cellContext(l net.Listener) context.Context {
	from := l.(cellListener)
	who := from.who
	ctx := context.Background()
	if from.secrets != nil {
		ctx = context.WithValue(ctx, secretsKey{}, from.secrets)
	}
	return door.WithinPlatform(ctx, door.Inside{From: who.FunctionARN + ":" + who.Version, Region: who.Region, Confide: who.Secrets.Add})
}

// Acquire implements lambda.Code.
func (p *plane) Acquire(ctx context.Context, id string, open codepkg.Source) (*codepkg.Ref, error) {
	if err := p.start(); err != nil {
		return nil, err
	}
	return p.code.Acquire(ctx, id, open)
}

// Invoke implements lambda.Fleet.
func (p *plane) Invoke(ctx context.Context, fn *invoke.Function, req *invoke.Request) (*invoke.Result, error) {
	if err := p.start(); err != nil {
		return nil, err
	}
	return p.fleet.Load().Invoke(ctx, fn, req)
}

// Retire implements lambda.Fleet.
func (p *plane) Retire(functionARN, version, keepRevision string) {
	if fleet := p.fleet.Load(); fleet != nil {
		fleet.Retire(functionARN, version, keepRevision)
	}
}

// close stops every cell. Nothing may use the plane any more.
func (p *plane) close(ctx context.Context) error {
	p.once.Do(func() { p.err = invoke.ErrShuttingDown })
	var failed error
	for _, stop := range p.stops(ctx) {
		if err := stop(); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

func (p *plane) stops(ctx context.Context) (stops []func() error) {
	if fleet := p.fleet.Load(); fleet != nil {
		stops = append(stops, func() error { return fleet.Shutdown(ctx) }, p.inside.Close, p.secrets.Close)
	}
	if p.host != nil {
		stops = append(stops, p.host.Close)
	}
	if p.umount != nil {
		stops = append(stops, p.umount)
	}
	return stops
}
