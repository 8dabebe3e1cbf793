package cell

import (
	"sync"
	"time"
)

// refillDelay is how long nothing must have started before cells are made ahead
// again, and how far apart they are made: a burst of starts has the processor to
// itself.
const refillDelay = 20 * time.Millisecond

// pool holds cells made ahead.
type pool struct {
	mu    sync.Mutex
	cells []*Cell
	timer *time.Timer // running while the pool is to be filled
}

// take is a cell of the spawner sp, or nil.
func (p *pool) take(sp *spawner) *Cell {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.cells) > 0 {
		c := p.cells[0]
		p.cells = p.cells[1:]
		if c.sp == sp && !c.isEnded() {
			return c
		}
	}
	return nil
}

// fill makes cells after a delay, which starts anew when it is called again.
func (h *Host) fill(delay time.Duration) {
	if h.opts.Ahead <= 0 {
		return
	}
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	if h.pool.timer == nil {
		h.pool.timer = time.AfterFunc(delay, h.fillOne)
		return
	}
	h.pool.timer.Reset(delay)
}

// fillOne makes one cell, and comes back until there are enough. An error ends
// that: the next start meets it and reports it.
func (h *Host) fillOne() {
	sp, err := h.spawner()
	if err != nil {
		return
	}
	h.pool.mu.Lock()
	full := len(h.pool.cells) >= h.opts.Ahead
	h.pool.mu.Unlock()
	if full || len(h.Probe().Missing()) > 0 {
		return
	}
	c, err := sp.make()
	if err != nil {
		return
	}
	h.pool.mu.Lock()
	h.pool.cells = append(h.pool.cells, c)
	h.pool.mu.Unlock()
	h.fill(refillDelay / 4)
}
