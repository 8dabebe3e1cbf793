package cell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"cloister/internal/cell/child"
)

// Boot is how a program is booted ahead of its work: in a cell of its own, as
// confined as any, with the first Binds of the Spec's Root. There it writes one byte
// to file 3, reads from it until the end, and so gets, each with a zero byte after
// it, its working directory and its environment, which are the Spec's. It must act
// as it would have if it had been executed then, with Args and Env of the Spec. The
// other binds of the Spec, its network, listeners and limits are there by then.
//
// Whether a program was booted ahead is not the caller's to know: where there is no
// cell that waits, or that way fails, the program is executed in a new one. A cell
// gets work once.
type Boot struct {
	Args   []string // Args[0] is the path of the program in the cell
	Env    []string // its environment while it waits
	Binds  int      // how many of Root
	Places []string // directories that are made for the other binds, and stay empty without them

	// TakeOutput gets the reading end of the pipe to which the program writes,
	// in place of Stdout and Stderr, before Start returns. nil: it is copied to
	// Stdout by a goroutine, whatever kind of file that is.
	TakeOutput func(*os.File)
}

// What a program may use while it waits. Its weight is small: what is booted
// ahead yields to what is asked for.
var bootLimits = child.Limits{Memory: 256 << 20, CPUMillis: 100, Pids: 128, Tmp: 1 << 20}

func (s *Spec) checkBoot() error {
	b := s.Boot
	if b == nil {
		return nil
	}
	if b.Binds < 0 || b.Binds > len(s.Root) {
		return bad("Boot", "Binds is %d, and Root has %d", b.Binds, len(s.Root))
	}
	for _, place := range b.Places {
		if err := checkTarget(place); err != nil {
			return err
		}
	}
	waiting := Spec{Args: b.Args, Env: b.Env, Root: s.Root}
	if err := waiting.checkProgram(); err != nil {
		return err
	}
	return waiting.checkSize()
}

// BootedAhead says whether the program waited before it had work.
func (c *Cell) BootedAhead() bool { return c.booted != nil }

// Waiting is how many cells have a program in them that waits for work.
func (h *Host) Waiting() int {
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	n := 0
	for _, b := range h.pool.boots {
		n += len(b.cells)
	}
	return n
}

// bootKey is the same for all that the same cell can wait for.
func (s *Spec) bootKey() string {
	var k strings.Builder
	for _, list := range [][]string{s.Boot.Args, s.Boot.Env, s.Boot.Places} {
		fmt.Fprintf(&k, "%q\n", list)
	}
	fmt.Fprintf(&k, "%q", s.Root[:s.Boot.Binds])
	return k.String()
}

// bootOrder has a cell made whose program waits.
func (s *Spec) bootOrder() child.Order {
	o := child.Order{Op: child.OpBoot, Limits: bootLimits, Args: s.Boot.Args, Env: s.Boot.Env, Places: s.Boot.Places, Filter: program()}
	for _, b := range s.Root[:s.Boot.Binds] {
		o.Binds = append(o.Binds, child.Bind(b))
	}
	return o
}

// errBootEnded says that a cell ended before its program waited.
var errBootEnded = errors.New("the program ended before it waited for its work")

// boot makes a cell with a program and returns when that waits.
func (sp *spawner) boot(o child.Order) (*Cell, error) {
	c, err := sp.add()
	if err != nil {
		return nil, err
	}
	c.booted = make(chan struct{})
	stdout, stderr, err := c.bootOutput()
	if err == nil {
		o.ID = c.id
		err = sp.order(&o, stdout, stderr)
		closeFiles([]int{stdout, stderr})
	}
	if err != nil {
		sp.forget(c)
		return nil, err
	}
	select {
	case <-c.booted:
		return c, nil
	case <-c.ended:
	}
	select {
	case f := <-c.started:
		if f != nil {
			return nil, f
		}
	default:
	}
	return nil, errBootEnded
}

// forget gives up a cell that the spawner never heard of.
func (sp *spawner) forget(c *Cell) {
	sp.mu.Lock()
	delete(sp.cells, c.id)
	sp.mu.Unlock()
	c.end(&child.Event{})
}

// bootOutput makes the pipe of a program that waits, and two writing ends that
// share no flags.
func (c *Cell) bootOutput() (stdout, stderr int, err error) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return -1, -1, fmt.Errorf("make a pipe for the output of a cell: %w", err)
	}
	write := os.NewFile(uintptr(ends[1]), "cell output")
	defer write.Close()
	if err := syscall.SetNonblock(ends[0], true); err != nil {
		syscall.Close(ends[0])
		return -1, -1, fmt.Errorf("make a pipe for the output of a cell: %w", err)
	}
	stdout, stderr = handOver(write), handOver(write)
	if stdout < 0 || stderr < 0 {
		closeFiles([]int{ends[0], stdout, stderr})
		return -1, -1, errors.New("open the pipe for the output of a cell")
	}
	c.mu.Lock()
	c.written = os.NewFile(uintptr(ends[0]), "cell output")
	c.mu.Unlock()
	return stdout, stderr, nil
}

// takeWritten is what the program writes, once.
func (c *Cell) takeWritten() *os.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.written
	c.written = nil
	return f
}

// startBooted gives the work to a program that waits. Neither a cell nor an error:
// there is none, or that did not succeed.
func (h *Host) startBooted(ctx context.Context, spec *Spec) (*Cell, error) {
	if spec.Boot == nil || h.opts.Booted <= 0 {
		return nil, nil
	}
	sp, err := h.spawner()
	if err != nil {
		return nil, err
	}
	c := h.pool.takeBooted(sp, spec)
	if c == nil {
		return nil, nil
	}
	if err := c.giveWork(ctx, spec); err != nil {
		c.Kill()
		return nil, ctx.Err()
	}
	return c, nil
}

// giveWork hands spec to the program that waits in c.
func (c *Cell) giveWork(ctx context.Context, spec *Spec) error {
	null, err := syscall.Open("/dev/null", syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(null)
	c.began = time.Now()
	c.mu.Lock()
	c.network = spec.Network
	c.mu.Unlock()
	work := spec.order(c.id)
	work.Args, work.Filter, work.Binds = nil, "", work.Binds[spec.Boot.Binds:]
	written := c.takeWritten() // before the end of the cell could close it
	c.output.Add(1)            // nor is it done before what was written is on its way
	defer c.output.Done()
	err = c.sp.order(work, null, null)
	if err == nil {
		err = c.awaitStart(ctx, spec)
	}
	if err != nil || written == nil {
		written.Close()
		return orElse(err, errBootEnded)
	}
	c.passOutput(written, spec)
	return nil
}

// passOutput lets the caller have what the program writes.
func (c *Cell) passOutput(written *os.File, spec *Spec) {
	if spec.Boot.TakeOutput != nil {
		spec.Boot.TakeOutput(written)
		return
	}
	w := spec.Stdout
	if w == nil {
		w = io.Discard
	}
	c.output.Go(func() { drain(written, w) })
}
