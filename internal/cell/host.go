package cell

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cloister/internal/cell/child"
)

// HostOptions are the choices for a Host; the zero value is good.
type HostOptions struct {
	// Ahead is how many cells are kept made ahead (namespaces, limits, empty
	// root; nothing of anybody in them) once the first was started or
	// [Host.Prepare] called. 0 keeps none. One costs about 0.6 MB.
	Ahead int
	// Booted is how many cells of each [Boot] are kept in which the program waits
	// for its work, for ten minutes after one was last asked for. 0 keeps none.
	Booted int
	// MemoryBytes is how much memory all cells may use together, whatever each
	// may use. At that limit the one that uses most is ended, as out of memory.
	// 0: DefaultMemory.
	MemoryBytes int64
}

// DefaultMemory is how many bytes all cells of a host may use together if nobody
// chose: what the machine has, or what the control groups above leave of it,
// without the larger of a quarter and 1 GiB for the node and everything else; of
// a machine with less than 2 GiB the half. 0 where that cannot be found, and no
// cell can be started.
func DefaultMemory() int64 {
	n, err := child.CellsMemory()
	if err != nil {
		return 0
	}
	return int64(n)
}

// Host starts cells through a small spawner process of its own. Its methods may
// be called from many goroutines.
type Host struct {
	opts HostOptions

	probeOnce sync.Once
	report    Report

	mu     sync.Mutex
	closed bool
	sp     *spawner // replaced when it ended by itself

	pool pool // has its own lock
}

// errClosed is what Start returns after Close.
var errClosed = errors.New("the host of cells is closed")

// NewHost starts the spawner. It succeeds on machines that cannot contain
// anything, so that the rest of a node works there: Start refuses and Probe
// says why.
func NewHost(opts HostOptions) (*Host, error) {
	sp, err := startSpawner(opts)
	if err != nil {
		return nil, err
	}
	h := &Host{opts: opts, sp: sp}
	go h.Probe()
	return h, nil
}

// Close kills every cell, waits for them, ends the spawner and removes the
// control groups.
func (h *Host) Close() error {
	h.mu.Lock()
	sp := h.sp
	h.closed = true
	h.mu.Unlock()
	h.pool.stop()
	return sp.close()
}

// spawner is the running one. One that ended by itself, which only somebody
// outside brings about, is replaced.
func (h *Host) spawner() (*spawner, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if !h.sp.gone() {
		return h.sp, nil
	}
	sp, err := startSpawner(h.opts)
	if err == nil {
		h.sp = sp
	}
	return sp, err
}

// Prepare asks for cells to be made ahead (HostOptions.Ahead of them) and
// returns at once: call it when a start is likely soon.
func (h *Host) Prepare() { h.fill(0) }

// Start runs the program of spec in a cell. It returns when the program was
// executed and its listeners are open. Errors: *UnavailableError when the
// machine cannot contain it, *SpecError for a bad spec, *ExecError when the
// program could not be executed. ctx bounds the start only.
func (h *Host) Start(ctx context.Context, spec Spec) (*Cell, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if missing := h.Probe().Missing(); len(missing) > 0 {
		return nil, &UnavailableError{Missing: missing}
	}
	defer h.fill(refillDelay) // whatever comes of it, what was ahead no longer is
	if c, err := h.startBooted(ctx, &spec); c != nil || err != nil {
		return c, err
	}
	c, err := h.take()
	if err != nil {
		return nil, err
	}
	if err := h.assign(ctx, c, &spec); err != nil {
		return nil, fmt.Errorf("start cell %s: %w", spec.ID, err)
	}
	return c, nil
}

// take is a cell made ahead, or one that is just being made.
func (h *Host) take() (*Cell, error) {
	sp, err := h.spawner()
	if err != nil {
		return nil, err
	}
	if c := h.pool.take(sp); c != nil {
		return c, nil
	}
	return sp.make()
}

// assign gives c its work and waits for its start.
func (h *Host) assign(ctx context.Context, c *Cell, spec *Spec) error {
	c.began = time.Now()
	stdout, stderr, err := c.openOutput(spec)
	if err != nil {
		c.Kill()
		return err
	}
	c.mu.Lock()
	c.network = spec.Network
	c.mu.Unlock()
	err = c.sp.order(spec.order(c.id), stdout, stderr)
	closeFiles([]int{stdout, stderr})
	if err != nil {
		return err
	}
	return c.awaitStart(ctx, spec)
}

// awaitStart waits until the program runs. When ctx ends first, the cell does.
func (c *Cell) awaitStart(ctx context.Context, spec *Spec) error {
	select {
	case f := <-c.started:
		if f != nil {
			return startError(f, spec)
		}
		return nil
	case <-c.ended:
		return c.endedEarly(spec)
	case <-ctx.Done():
		c.Kill()
		return ctx.Err()
	}
}

// endedEarly is the error of a start that saw the cell's end, unless it had
// started before.
func (c *Cell) endedEarly(spec *Spec) error {
	select {
	case f := <-c.started:
		if f != nil {
			return startError(f, spec)
		}
		return nil
	default:
		return errSpawner
	}
}

// startError turns what the spawner or the stage reports into this package's
// errors.
func startError(f *child.Failure, spec *Spec) error {
	switch f.Layer {
	case child.LayerExec:
		return &ExecError{Path: spec.Args[0], Err: f.Errno}
	case child.LayerTunnel:
		return &TunnelError{Reason: f.Error()}
	case child.LayerSpec:
		return &SpecError{Field: "Root or Listen", Reason: f.Error()}
	}
	return fmt.Errorf("%s: %w", f.Layer, f)
}
