package pebbleengine

import "github.com/cockroachdb/pebble/v2"

// snapshot is a pebble snapshot with the number of its users, among them the
// engine while it is the one that readers get.
type snapshot struct {
	*pebble.Snapshot
	users int // guarded by Engine.shown
}

// newSnapshot is the state after the newest commit, durable or not.
func (e *Engine) newSnapshot() *snapshot {
	return &snapshot{e.db.NewSnapshot(), 1}
}

// show returns the newest durable state, to be released.
func (e *Engine) show() *snapshot {
	e.shown.Lock()
	defer e.shown.Unlock()
	e.shown.users++
	return e.shown.snapshot
}

// setShown makes s what readers get.
func (e *Engine) setShown(s *snapshot) {
	e.shown.Lock()
	old := e.shown.snapshot
	e.shown.snapshot = s
	e.shown.Unlock()
	e.release(old)
}

func (e *Engine) release(s *snapshot) {
	e.shown.Lock()
	s.users--
	unused := s.users == 0
	e.shown.Unlock()
	if unused {
		_ = s.Close() // has nothing to fail at
	}
}
