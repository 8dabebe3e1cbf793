package lambda

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cloister/internal/store"
)

// uploads are the packages that are stored and not yet referred to: a call is
// between the two, so they are no orphans.
type uploads struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (u *uploads) begin(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ids == nil {
		u.ids = map[string]bool{}
	}
	u.ids[id] = true
}

func (u *uploads) end(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.ids, id)
}

// others are those ids that are not being uploaded.
func (u *uploads) others(ids []string) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var others []string
	for _, id := range ids {
		if !u.ids[id] {
			others = append(others, id)
		}
	}
	return others
}

// discardGrace is how long replaced code is kept, for invocations that began
// before it was replaced and still have to start a cell.
const discardGrace = time.Minute

// discarder collects packages that may have become unused and looks at them
// together, some time later. What it has not looked at when the node stops is
// found by removeOrphans at the next start.
type discarder struct {
	sweep func(ids []string)
	grace time.Duration

	mu      sync.Mutex
	stopped bool
	timer   *time.Timer // set while one is running
	young   []string    // came since the timer was set: they wait for the next
	waiting []string
}

// add has candidates looked at after the grace, and before twice of it is over.
func (d *discarder) add(candidates []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return
	}
	if d.timer != nil {
		d.young = append(d.young, candidates...)
		return
	}
	d.waiting = append(d.waiting, candidates...)
	d.timer = time.AfterFunc(d.grace, d.fire)
}

func (d *discarder) fire() {
	d.sweep(d.next())
}

// next takes what has waited long enough and sets the timer for the rest.
func (d *discarder) next() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	due := d.waiting
	d.waiting, d.young, d.timer = d.young, nil, nil
	if len(d.waiting) > 0 && !d.stopped {
		d.timer = time.AfterFunc(d.grace, d.fire)
	}
	return due
}

func (d *discarder) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	if d.timer != nil {
		d.timer.Stop()
	}
}

// discardUnused removes, some time after tx has committed, those packages to
// which nothing refers any more.
func (s *Service) discardUnused(tx *store.Tx, candidates []string) {
	tx.Defer(func() { s.discards.add(candidates) })
}

// sweep removes those packages to which nothing refers, and only tells the log
// when it cannot: removeOrphans finds them at the next start.
func (s *Service) sweep(candidates []string) {
	if err := s.discardUnreferenced(context.Background(), candidates); err != nil {
		slog.Warn("code that nothing refers to could not be removed", "error", err)
	}
}

// discardUnreferenced removes those candidates to which nothing refers. Whether
// one is being uploaded is asked before the store is read: an upload that ends
// in between is in what is read then.
func (s *Service) discardUnreferenced(ctx context.Context, candidates []string) error {
	candidates = s.uploads.others(candidates)
	if len(candidates) == 0 {
		return nil
	}
	used, err := s.usedCode(ctx)
	if err != nil {
		return err
	}
	for _, id := range candidates {
		if used[id] {
			continue
		}
		if err := s.blobs.Delete(ctx, id); err != nil {
			slog.Warn("code that nothing refers to could not be removed", "blob", id, "error", err)
		}
	}
	return nil
}

// removeOrphans removes every package to which nothing refers: what a crash
// between upload and commit left.
func (s *Service) removeOrphans(ctx context.Context) error {
	var all []string
	for id, err := range s.blobs.List(ctx) {
		if err != nil {
			return err
		}
		all = append(all, id)
	}
	return s.discardUnreferenced(ctx, all)
}

// usedCode is the set of packages that versions and layers refer to.
func (s *Service) usedCode(ctx context.Context) (map[string]bool, error) {
	used := map[string]bool{}
	err := s.db.View(ctx, func(r store.Reader) error {
		for item, err := range versions.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			for _, id := range item.Value.codeIDs() {
				used[id] = true
			}
		}
		for item, err := range layerVersions.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			used[item.Value.Code.ID] = true
		}
		return nil
	})
	return used, err
}
