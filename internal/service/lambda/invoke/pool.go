package invoke

import (
	"slices"
	"time"
)

// pool is the cells of one version in one configuration that are free for a
// request, the one used last at the end: its memory is warmest.
type pool struct{ free []*instance }

func (f *Fleet) pool(key string) *pool {
	p := f.pools[key]
	if p == nil {
		p = &pool{}
		f.pools[key] = p
	}
	return p
}

// take gives the free cell that was used last, or nil.
func (f *Fleet) take(fn *Function) *instance {
	key := fn.poolKey()
	f.mu.Lock()
	f.succeed(fn, key)
	p := f.pools[key]
	var in *instance
	for p != nil && len(p.free) > 0 && in == nil {
		in = p.free[len(p.free)-1]
		f.unlist(in)
		if in.outdated(time.Now()) {
			in.retired = true
			go in.stopIfIdle()
			in = nil
		}
	}
	f.mu.Unlock()
	return in
}

// succeed retires the cells of a version's former configuration as soon as a
// request brings another.
func (f *Fleet) succeed(fn *Function, key string) {
	version := fn.ARN + "\x00" + fn.Version
	if f.current[version] == key {
		return
	}
	f.current[version] = key
	f.retire(func(in *instance) bool {
		return in.fn.ARN == fn.ARN && in.fn.Version == fn.Version && in.key != key
	})
}

// list makes a cell free for a request. It is called when the cell has given
// its answer and again when it asks for more.
func (f *Fleet) list(in *instance) {
	f.mu.Lock()
	if !f.cells[in] { // it has ended
		f.mu.Unlock()
		return
	}
	give := f.closing || in.retired || in.outdated(time.Now())
	if !give && !in.listed {
		in.listed, in.idleSince = true, time.Now()
		p := f.pool(in.key)
		p.free = append(p.free, in)
	}
	in.retired = give
	f.mu.Unlock()
	if give {
		in.stopIfIdle()
	}
}

// unlist is called with mu held.
func (f *Fleet) unlist(in *instance) {
	if !in.listed {
		return
	}
	in.listed = false
	p := f.pools[in.key]
	if i := slices.Index(p.free, in); i >= 0 {
		p.free = slices.Delete(p.free, i, i+1)
	}
	if len(p.free) == 0 {
		delete(f.pools, in.key)
	}
}

// stopped is told by every registered cell, once, when nothing of it is left.
func (f *Fleet) stopped(in *instance) {
	f.mu.Lock()
	f.unlist(in)
	f.room.remove(in)
	delete(f.cells, in)
	f.mu.Unlock()
	f.live.Done()
}

// retire is called with mu held.
func (f *Fleet) retire(which func(*instance) bool) {
	for in := range f.cells {
		if which(in) {
			f.unlist(in)
			in.retired = true
			go in.stopIfIdle()
		}
	}
}

// Retire stops the idle cells of a function and lets the busy ones finish
// their request. With an empty version it retires all of the function's cells
// (the function was deleted), else those of that version whose revision is not
// keepRevision (all, when that is empty).
func (f *Fleet) Retire(functionARN, version, keepRevision string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range f.current {
		if k == functionARN+"\x00"+version || version == "" && hasARN(k, functionARN) {
			delete(f.current, k)
		}
	}
	f.retire(func(in *instance) bool {
		return in.fn.ARN == functionARN && (version == "" ||
			in.fn.Version == version && (keepRevision == "" || in.fn.Revision != keepRevision))
	})
}

func hasARN(key, arn string) bool {
	return len(key) > len(arn) && key[:len(arn)] == arn && key[len(arn)] == 0
}

// reap stops cells that were idle for too long or grew too old.
func (f *Fleet) reap() {
	tick := time.NewTicker(max(f.o.IdleTime/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-tick.C:
		}
		f.reapAt(time.Now())
	}
}

func (f *Fleet) reapAt(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retire(func(in *instance) bool {
		return in.listed && (now.Sub(in.idleSince) >= f.o.IdleTime || in.outdated(now))
	})
}

// stopAll ends every cell and waits until nothing is left of them, or ctx and
// a little more has passed.
func (f *Fleet) stopAll() {
	f.mu.Lock()
	cells := make([]*instance, 0, len(f.cells))
	for in := range f.cells {
		f.unlist(in)
		in.retired = true
		cells = append(cells, in)
	}
	f.mu.Unlock()
	for _, in := range cells {
		in.stopIfIdle()
		in.kill()
	}
	f.live.Wait()
}

// Stats are the numbers that a node shows of its fleet.
type Stats struct {
	Cells   int // alive, starting ones included
	Free    int // of them, free for a request
	Running int // invocations
}

// Stats counts.
func (f *Fleet) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Stats{Cells: len(f.cells), Running: f.busy}
	for _, p := range f.pools {
		s.Free += len(p.free)
	}
	return s
}
