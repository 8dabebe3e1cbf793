package invoke

import (
	"math"
	"slices"
	"time"
)

// overcommit is how many times the memory of all cells is promised to them.
// A function's MemorySize is a limit that most never come near: an idle one
// written in Go takes about 15 MB, an eighth of the least that can be asked for.
// So a machine of 24 GiB, with 18 for cells, holds 1,000 idle functions of
// 128 MB. When they do use it together, the limit on the memory of all cells is
// the hard stop (cell.HostOptions.MemoryBytes): the largest is ended, and not
// the node.
const overcommit = 8

// room is what cells take of the machine, of what there is. The fleet's mu
// guards it.
type room struct {
	cells, maxCells   int
	memory, maxMemory int64 // sums of MemorySize, in bytes
}

func newRoom(o *Options) room {
	r := room{maxCells: o.MaxCells, maxMemory: math.MaxInt64}
	if o.MaxMemoryBytes > 0 && o.MaxMemoryBytes < math.MaxInt64/overcommit {
		r.maxMemory = o.MaxMemoryBytes * overcommit
	}
	return r
}

// size is what a cell takes. One that is larger than everything takes all.
func (r *room) size(in *instance) int64 { return min(int64(in.fn.MemoryMB)<<20, r.maxMemory) }

func (r *room) fits(size int64) bool {
	return r.cells < r.maxCells && size <= r.maxMemory-r.memory
}

func (r *room) add(in *instance) {
	r.cells++
	r.memory += r.size(in)
	in.counted = true
}

// remove is for a cell that ended or is about to.
func (r *room) remove(in *instance) {
	if in.counted {
		r.cells--
		r.memory -= r.size(in)
		in.counted = false
	}
}

// enter registers a cell that is to be started. Without room it looks once more
// when cells that have just answered had the time to ask for more: until then
// they are not idle.
func (f *Fleet) enter(in *instance) error {
	if f.register(in) {
		return nil
	}
	time.Sleep(recallAfter)
	if f.register(in) {
		return nil
	}
	return &ThrottleError{ReasonAccount}
}

// register counts a cell, if there is room or idle ones can make it.
func (f *Fleet) register(in *instance) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.makeRoom(f.room.size(in)) {
		return false
	}
	f.room.add(in)
	f.cells[in] = true
	f.live.Add(1)
	return true
}

// makeRoom ends as many idle cells as it takes, the longest idle first, and none
// when all of them are not enough. It is called with mu held.
func (f *Fleet) makeRoom(size int64) bool {
	if f.room.fits(size) {
		return true
	}
	idle, then, n := f.idleCells(), f.room, 0
	for ; n < len(idle) && !then.fits(size); n++ {
		then.cells--
		then.memory -= then.size(idle[n])
	}
	if !then.fits(size) {
		return false
	}
	for _, in := range idle[:n] {
		f.unlist(in)
		f.room.remove(in)
		in.retired = true
		go in.stopIfIdle()
	}
	return true
}

// idleCells are those that end at once when they are told to: a cell that has
// answered is free for a request, but may still be at work.
func (f *Fleet) idleCells() []*instance {
	var idle []*instance
	for in := range f.cells {
		if in.listed && in.idle() {
			idle = append(idle, in)
		}
	}
	slices.SortFunc(idle, func(a, b *instance) int { return a.idleSince.Compare(b.idleSince) })
	return idle
}

// idle says whether a cell has nothing to do, and nothing given to it. The
// fleet's mu may be held: none holds this one and asks for the fleet's.
func (in *instance) idle() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.state == stateIdle && in.pending == nil
}
