package cell

import (
	"sync"
	"time"

	"cloister/internal/cell/child"
)

// refillDelay is how long nothing must have started before cells are made ahead
// again, and how far apart they are made: a burst of starts has the processor to
// itself. A program is booted only after bootDelay, since that takes longer.
const (
	refillDelay = 20 * time.Millisecond
	bootDelay   = 100 * time.Millisecond
)

// bootIdle is how long programs wait after one of their kind was last asked for;
// bootRetry, how long none is booted after that did not succeed.
const (
	bootIdle  = 10 * time.Minute
	bootRetry = time.Minute
)

// pool holds cells made ahead.
type pool struct {
	mu      sync.Mutex
	cells   []*Cell
	timer   *time.Timer // running while the pool is to be filled
	started time.Time   // when something was last to be started
	booting bool
	boots   map[string]*bootPool
}

// bootPool holds the cells of one [Boot].
type bootPool struct {
	order  child.Order
	cells  []*Cell
	not    time.Time   // before then none is booted
	expire *time.Timer // when they are given up
}

// take is a cell of the spawner sp, or nil.
func (p *pool) take(sp *spawner) *Cell {
	p.mu.Lock()
	defer p.mu.Unlock()
	return takeFirst(&p.cells, sp)
}

// takeFirst is the first of cells that can be used.
func takeFirst(cells *[]*Cell, sp *spawner) *Cell {
	for len(*cells) > 0 {
		c := (*cells)[0]
		*cells = (*cells)[1:]
		if c.sp == sp && !c.isEnded() {
			return c
		}
	}
	return nil
}

// takeBooted is a cell with a program that waits for work like that of spec, or
// nil. The first time is what makes some wait.
func (p *pool) takeBooted(sp *spawner, spec *Spec) *Cell {
	key := spec.bootKey()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started = time.Now()
	b := p.boots[key]
	if b == nil {
		b = &bootPool{order: spec.bootOrder()}
		if p.boots == nil {
			p.boots = map[string]*bootPool{}
		}
		p.boots[key] = b
		b.expire = time.AfterFunc(bootIdle, func() { p.drop(key) })
		return nil
	}
	b.expire.Reset(bootIdle)
	return takeFirst(&b.cells, sp)
}

// drop gives up what waits under key.
func (p *pool) drop(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.boots[key]
	if b == nil {
		return
	}
	delete(p.boots, key)
	b.expire.Stop()
	for _, c := range b.cells {
		c.Kill()
	}
}

// stop ends what would still happen by itself.
func (p *pool) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	for _, b := range p.boots {
		b.expire.Stop()
	}
}

// fill makes cells after a delay, which starts anew when it is called again.
func (h *Host) fill(delay time.Duration) {
	if h.opts.Ahead <= 0 && h.opts.Booted <= 0 {
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
	if err != nil || len(h.Probe().Missing()) > 0 {
		return
	}
	h.pool.mu.Lock()
	full := len(h.pool.cells) >= h.opts.Ahead
	h.pool.mu.Unlock()
	if full {
		h.bootOne(sp)
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

// bootOne boots one program, if one is to wait, and comes back until there are
// enough. Only one is booted at a time.
func (h *Host) bootOne(sp *spawner) {
	key, order, later := h.pool.nextBoot(sp, h.opts.Booted)
	if later > 0 {
		h.fill(later)
	}
	if key == "" {
		return
	}
	c, err := sp.boot(order)
	h.pool.addBooted(key, c, err)
	h.fill(refillDelay)
}

// nextBoot says what is to be booted now, "" for nothing, and when to ask again,
// 0 for not.
func (p *pool) nextBoot(sp *spawner, enough int) (key string, order child.Order, later time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.booting {
		return "", order, 0
	}
	for k, b := range p.boots {
		b.cells = usable(b.cells, sp)
		if len(b.cells) >= enough || now.Before(b.not) {
			continue
		}
		if wait := bootDelay - now.Sub(p.started); wait > 0 {
			return "", order, wait
		}
		p.booting = true
		return k, b.order, 0
	}
	return "", order, 0
}

func usable(cells []*Cell, sp *spawner) []*Cell {
	var list []*Cell
	for _, c := range cells {
		if c.sp == sp && !c.isEnded() {
			list = append(list, c)
		}
	}
	return list
}

// addBooted takes what sp.boot returned.
func (p *pool) addBooted(key string, c *Cell, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.booting = false
	b := p.boots[key]
	switch {
	case b == nil && c != nil:
		c.Kill() // given up meanwhile
	case b == nil:
	case err != nil:
		b.not = time.Now().Add(bootRetry)
	default:
		b.cells = append(b.cells, c)
	}
}
