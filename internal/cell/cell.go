// Package cell runs programs in sandboxes of this machine's kernel and knows
// nothing of what they are for.
//
// What it promises: a program started here sees only the files it was given,
// read-only, and its own small /tmp; it has no network but its own loopback and
// what the Egress of its Spec opens for it, no capability, no way to gain one, no
// neighbour and no host process; its memory, its processes and its share of the
// processor are limited; and Kill leaves nothing of it. Where the kernel cannot give a layer that this needs,
// nothing is started: the error is an [*UnavailableError] that names it.
//
// README.md beside this file lists the layers and what each is for.
package cell

import (
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"cloister/internal/cell/child"
	"cloister/internal/cell/egress"
)

// Exit is how a cell ended.
type Exit struct {
	Code       int   // exit status of the program; -1 when a signal ended it
	Signal     int   // the signal that ended it, or 0
	Killed     bool  // Kill, Close or the end of the spawner ended it
	OOMKilled  bool  // it reached MemoryBytes
	PeakMemory int64 // bytes, as PeakMemory
	// Lived is the time from start to end.
	Lived time.Duration
}

// Cell is one running sandbox. Its methods may be called from many goroutines.
type Cell struct {
	id        uint64
	sp        *spawner
	began     time.Time
	listeners []net.Listener
	peak      *os.File // the kernel's count, or nil
	output    sync.WaitGroup
	booted    chan struct{} // closed when a program booted ahead waits; nil for other cells
	written   *os.File      // what such a program writes, until somebody takes it; guarded by mu

	started chan *child.Failure // receives one value, nil for success
	ended   chan struct{}       // closed when exit is final but for the output
	done    chan struct{}

	mu      sync.Mutex
	killed  bool
	network *egress.Network // of the Spec, or nil
	stack   *egress.Stack   // the platform's end of it, or nil
	exit    Exit
}

func newCell(sp *spawner, id uint64) *Cell {
	return &Cell{id: id, sp: sp, started: make(chan *child.Failure, 1), ended: make(chan struct{}), done: make(chan struct{})}
}

// Listener is the i-th address of Spec.Listen; it is closed with the cell.
func (c *Cell) Listener(i int) net.Listener { return c.listeners[i] }

// Done is closed when nothing of the cell runs any more, all its output was
// written to Stdout and Stderr, and Exit is known.
func (c *Cell) Done() <-chan struct{} { return c.done }

// Exit waits for Done and says how the program ended.
func (c *Cell) Exit() Exit {
	<-c.done
	return c.exit
}

// Kill ends everything in the cell at once. It does not wait; see Done.
func (c *Cell) Kill() {
	c.markKilled()
	c.sp.order(&child.Order{Op: child.OpKill, ID: c.id})
}

// PeakMemory is the most memory the cell ever used, in bytes, counted as the
// limit is: with files in /tmp and cached file content; 0 when the kernel does
// not say.
func (c *Cell) PeakMemory() int64 {
	if c.isEnded() {
		return c.exit.PeakMemory
	}
	if c.peak == nil {
		return 0
	}
	var b [24]byte
	n, err := c.peak.ReadAt(b[:], 0)
	if err != nil && err != io.EOF {
		return 0
	}
	peak, _ := strconv.ParseInt(strings.TrimSpace(string(b[:n])), 10, 64)
	return peak
}

func (c *Cell) markKilled() {
	c.mu.Lock()
	c.killed = true
	c.mu.Unlock()
}

func (c *Cell) isEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// adopt takes over the files of a successful start. A listener that can not be
// used ends up closed, and the caller's Accept says so.
func (c *Cell) adopt(ev *child.Event, files []int) {
	if ev.Peakable && len(files) > 0 {
		c.peak = os.NewFile(uintptr(files[0]), "memory peak")
		files = files[1:]
	}
	c.mu.Lock()
	network := c.network
	c.mu.Unlock()
	if network != nil && len(files) > 0 {
		c.serveNetwork(files[0], *network)
		files = files[1:]
	}
	for _, fd := range files {
		f := os.NewFile(uintptr(fd), "cell listener")
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			l = brokenListener{err}
		}
		c.listeners = append(c.listeners, l)
	}
}

// serveNetwork answers what the cell sends. Without it, nothing does.
func (c *Cell) serveNetwork(fd int, network egress.Network) {
	stack, err := egress.NewStack(os.NewFile(uintptr(fd), "cell network"), network)
	if err != nil {
		c.Kill() // closed already; a cell that can reach nobody is not what was asked for
		return
	}
	c.mu.Lock()
	c.stack = stack
	c.mu.Unlock()
}

// CutFlows ends, at once, the cell's flows for which which says so, and returns how
// many there were: for rules that were changed while they lasted.
func (c *Cell) CutFlows(which func(egress.Flow) bool) int {
	c.mu.Lock()
	stack := c.stack
	c.mu.Unlock()
	if stack == nil {
		return 0
	}
	return stack.Cut(which)
}

// brokenListener stands for one that could not be taken over.
type brokenListener struct{ err error }

func (b brokenListener) Accept() (net.Conn, error) { return nil, b.err }
func (b brokenListener) Close() error              { return nil }
func (b brokenListener) Addr() net.Addr            { return &net.TCPAddr{} }

// end is called once, when nothing of the cell runs any more. The pipes hold
// the rest of the output.
func (c *Cell) end(ev *child.Event) {
	c.mu.Lock()
	c.exit = exitOf(ev, c.killed)
	c.exit.Lived = time.Since(c.began)
	c.mu.Unlock()
	close(c.ended)
	for _, l := range c.listeners {
		l.Close()
	}
	if c.peak != nil {
		c.peak.Close()
	}
	c.mu.Lock()
	stack := c.stack
	c.mu.Unlock()
	if written := c.takeWritten(); written != nil {
		written.Close()
	}
	go func() {
		if stack != nil {
			stack.Close()
		}
		c.output.Wait()
		close(c.done)
	}()
}

func exitOf(ev *child.Event, killed bool) Exit {
	exit := Exit{Code: -1, Signal: int(syscall.SIGKILL), Killed: killed, OOMKilled: ev.OOM, PeakMemory: int64(ev.Peak)}
	if !ev.Ended || ev.OOM {
		return exit
	}
	status := syscall.WaitStatus(ev.Status)
	exit.Signal = 0
	if status.Signaled() {
		exit.Signal = int(status.Signal())
	} else {
		exit.Code = status.ExitStatus()
	}
	return exit
}

func closeFiles(files []int) {
	for _, fd := range files {
		syscall.Close(fd)
	}
}
