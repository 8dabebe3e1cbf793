package store

import "sync"

// gate lets calls in until it is shut, and is shut only when the last of them
// has left: an engine must not be closed under a reader.
type gate struct {
	mu     sync.Mutex
	empty  sync.Cond // signalled when inside falls to 0
	inside int
	shut   bool
}

func newGate() *gate {
	g := &gate{}
	g.empty.L = &g.mu
	return g
}

// enter gives ErrClosed behind a gate that is shut or being shut; else leave
// must follow.
func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return ErrClosed
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 {
		g.empty.Broadcast()
	}
}

// close lets nobody in any more and waits for those inside.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for g.inside > 0 {
		g.empty.Wait()
	}
}
