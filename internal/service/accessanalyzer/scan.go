package accessanalyzer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"cloister/internal/door"
	"cloister/internal/store"
)

// How findings are kept up to date: after a change of what they are made from,
// but not more often than restEvery, and at the latest after scanEvery.
const (
	restEvery = 30 * time.Second
	scanEvery = 10 * time.Minute
)

// changed has the next scan come soon.
func (s *Service) changed() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run keeps the findings of all analyzers up to date until ctx ends.
func (s *Service) Run(ctx context.Context) {
	for {
		if err := s.Scan(ctx, time.Now()); err != nil && ctx.Err() == nil {
			slog.Warn("findings could not be brought up to date", "error", err)
		}
		if !sleep(ctx, restEvery, nil) || !sleep(ctx, scanEvery-restEvery, s.wake) {
			return
		}
	}
}

// sleep waits, or less if it is woken; it says whether ctx still goes on.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-wake:
	}
	return ctx.Err() == nil
}

// Scan brings the findings of all analyzers up to date. One for which that fails
// keeps no other account's from it.
func (s *Service) Scan(ctx context.Context, now time.Time) error {
	var all []*analyzer
	err := s.DB.View(ctx, func(r store.Reader) error {
		all = all[:0]
		for item, err := range analyzers.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			all = append(all, item.Value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(a *analyzer) bool { return a.Type == unusedAccess }) {
		if err := s.readUses(ctx, all); err != nil {
			return err
		}
	}
	var failed error
	for _, a := range all {
		if err := s.scan(ctx, a, now.UTC()); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", a.arn(), err))
		}
	}
	s.memory.sweep()
	return failed
}

// scan brings one analyzer's findings up to date.
func (s *Service) scan(ctx context.Context, a *analyzer, now time.Time) error {
	found, alive := map[string]*finding{}, map[string]bool{}
	last := ""
	err := s.DB.View(ctx, func(r store.Reader) error {
		clear(found)
		if a.Type == unusedAccess {
			return s.unused(r, a, now, found, func(arn string) { last, alive[arn] = arn, true })
		}
		return s.everyResource(r, a, func(need *door.Need) error {
			last = need.Resource
			s.outsiders(a, need, now, found)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		current, err := analyzers.Get(tx, a.key())
		if err != nil || !current.Created.Equal(a.Created) {
			return ignoreMissing(err) // deleted meanwhile, and perhaps made again
		}
		if err := settle(tx, current, maps.Clone(found), now, func(*finding) bool { return true }); err != nil {
			return err
		}
		if a.Type == unusedAccess {
			if err := forget(tx, a.Account, alive); err != nil {
				return err
			}
		}
		current.LastResource, current.LastAnalyzed = last, now
		return analyzers.Put(tx, current.key(), current)
	})
}

// everyResource goes through the resources that an analyzer looks at: those of
// its Region, and those of none.
func (s *Service) everyResource(r store.Reader, a *analyzer, fn func(*door.Need) error) error {
	for _, resources := range s.Resources {
		for need, err := range resources(r, a.Account) {
			if err != nil {
				return err
			}
			if region := regionIn(need.Resource); region != "" && region != a.Region {
				continue
			}
			if err := fn(&need); err != nil {
				return err
			}
		}
	}
	return nil
}

func regionIn(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[3]
}

// resourceType is what Access Analyzer calls a resource.
func resourceType(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	kind, _, _ := strings.Cut(strings.ReplaceAll(parts[5], "/", ":"), ":")
	return map[string]string{
		"iam role": "AWS::IAM::Role", "iam user": "AWS::IAM::User", "lambda function": "AWS::Lambda::Function",
		"lambda layer": "AWS::Lambda::LayerVersion", "kms key": "AWS::KMS::Key",
	}[parts[2]+" "+kind]
}

// outsiders adds the findings of one resource.
func (s *Service) outsiders(a *analyzer, need *door.Need, now time.Time, found map[string]*finding) {
	for _, g := range s.memory.external(need, now) {
		parts := []string{need.Resource, g.kind, g.name}
		for _, key := range slices.Sorted(maps.Keys(g.condition)) {
			parts = append(parts, key, g.condition[key])
		}
		f := a.finding(typeExternal, need.Resource, now, parts...)
		f.Principal, f.Action, f.Condition, f.Public = map[string]string{g.kind: g.name}, g.actions, g.condition, g.public
		found[f.ID] = f
	}
}

// finding makes one; parts tell it from others of its analyzer.
func (a *analyzer) finding(kind, resource string, now time.Time, parts ...string) *finding {
	return &finding{
		ID: findingID(a, append([]string{kind}, parts...)...), Account: a.Account, Region: a.Region, Analyzer: a.Name, Type: kind,
		Resource: resource, ResourceType: resourceType(resource), Status: active, Created: now, Updated: now, Analyzed: now,
	}
}

// keepResolved is how long resolved findings are kept, as on AWS.
const keepResolved = 90 * 24 * time.Hour

// settle writes what was found, and resolves what of the findings that are looked
// at was not found any more. It takes what it has settled out of found.
func settle(tx *store.Tx, a *analyzer, found map[string]*finding, now time.Time, looked func(*finding) bool) error {
	rules, err := rulesOf(tx, a)
	if err != nil {
		return err
	}
	var changed, gone []*finding
	for item, err := range findings.Scan(tx, a.key(), nil) {
		if err != nil {
			return err
		}
		old := item.Value
		fresh := found[old.ID]
		delete(found, old.ID)
		switch {
		case old.Status == resolved && fresh == nil && now.Sub(old.Updated) > keepResolved:
			gone = append(gone, old)
		case !looked(old):
		case fresh == nil && old.Status != resolved:
			old.Status, old.Updated, old.Analyzed = resolved, now, now
			changed = append(changed, old)
		case fresh != nil:
			fresh.Created, fresh.Status, fresh.Updated = old.Created, old.Status, old.Updated
			if old.Status == resolved {
				fresh.Status, fresh.Updated = atFirst(rules, fresh), now
			} else if !fresh.says(old) {
				fresh.Updated = now
			}
			changed = append(changed, fresh)
		}
	}
	for _, f := range gone {
		if err := findings.Delete(tx, f.key()); err != nil {
			return err
		}
	}
	for _, f := range found {
		f.Status = atFirst(rules, f)
		changed = append(changed, f)
	}
	for _, f := range changed {
		if err := findings.Put(tx, f.key(), f); err != nil {
			return err
		}
	}
	return nil
}

// atFirst is the status of a finding that is new: what a rule archives is archived.
func atFirst(rules []*archiveRule, f *finding) string {
	f.Status = active
	if slices.ContainsFunc(rules, func(r *archiveRule) bool { return matches(r.Filter, f) }) {
		return archived
	}
	return active
}

// says tells whether two findings say the same.
func (f *finding) says(o *finding) bool {
	return slices.Equal(f.Action, o.Action) && f.Public == o.Public && f.LastUsed.Equal(o.LastUsed) && slices.EqualFunc(f.Services, o.Services, func(x, y unusedService) bool {
		return x.Namespace == y.Namespace && x.LastUsed.Equal(y.LastUsed) && slices.EqualFunc(x.Actions, y.Actions, func(v, w unusedAction) bool {
			return v.Name == w.Name && v.LastUsed.Equal(w.LastUsed)
		})
	})
}
