// Package cell runs programs in sandboxes of this machine's kernel and knows
// nothing of what they are for.
//
// What it promises: a program started here sees only the files it was given,
// read-only, and its own small /tmp; it has no network but its own loopback,
// no capability, no way to gain one, no neighbour and no host process; its
// memory, its processes and its share of the processor are limited; and Kill
// leaves nothing of it. Where the kernel cannot give a layer that this needs,
// nothing is started: the error is an [*UnavailableError] that names it.
//
// README.md beside this file lists the layers and what each is for.
package cell

import (
	"context"
	"io"
	"net"
	"time"
)

// Bind shows a file or a directory of the host inside a cell: read-only,
// without set-user-id and without devices.
type Bind struct {
	// Source is an absolute, clean path on the host. It must exist, symbolic
	// links are followed, and what lies in it must be readable by everybody
	// (mode o+r, o+x on directories): the cell runs under a user id of its own.
	Source string
	// Target is an absolute, clean path in the cell, never "/" itself nor
	// anything at or under /dev, /proc, /sys or /tmp. Missing parents are made,
	// unless they would lie in an earlier Bind.
	Target string
}

// Spec says what is to run in a cell and how much it may use. Nothing in it is
// taken over unchecked: see [Spec.Validate].
type Spec struct {
	ID   string   // names the cell in errors; letters, digits, '-', '_', at most 128
	Root []Bind   // the root file system, in order; at most 128
	Args []string // Args[0] is the path of the program in the cell
	Env  []string // the whole environment, "NAME=value"
	Dir  string   // working directory in the cell; "" means "/"

	MemoryBytes int64 // hard limit, files in /tmp included; at least 16 MiB
	CPUMillis   int   // weight against other cells, in thousandths of a processor; 0 means 1000
	Pids        int   // processes and threads; 0 means 1024, at least 16
	TmpBytes    int64 // size of /tmp; 0 means 64 MiB. It lives in memory and counts there

	// Listen names TCP addresses (IP:port) of the cell's own loopback that the
	// caller wants to serve: each is opened inside the cell before the program
	// starts and handed out by [Cell.Listener]. At most 16.
	Listen []string

	// Stdout and Stderr get what the program writes, in order, from one
	// goroutine each. A slow Write holds back only the program. nil discards.
	Stdout, Stderr io.Writer
}

// HostOptions are the choices for a Host; the zero value is good.
type HostOptions struct {
	// Ahead is how many cells are kept made ahead (namespaces, limits, empty
	// root; nothing of anybody in them) once the first was started or
	// [Host.Prepare] called. 0 keeps none. One costs about 2 MB.
	Ahead int
}

// Host starts cells through a small spawner process of its own. Its methods may
// be called from many goroutines.
type Host struct{}

// NewHost starts the spawner. It succeeds on machines that cannot contain
// anything, so that the rest of a node works there: Start refuses and Probe
// says why.
func NewHost(opts HostOptions) (*Host, error) { panic("cell: skeleton") }

// Close kills every cell, ends the spawner and removes the control groups.
func (h *Host) Close() error { panic("cell: skeleton") }

// Probe reports every layer, found by trying it in a throwaway child at
// NewHost.
func (h *Host) Probe() Report { panic("cell: skeleton") }

// Prepare asks for cells to be made ahead (HostOptions.Ahead of them) and
// returns at once: call it when a start is likely soon.
func (h *Host) Prepare() { panic("cell: skeleton") }

// Start runs the program of spec in a cell. It returns when the program was
// executed and its listeners are open. Errors: *UnavailableError when the
// machine cannot contain it, *SpecError for a bad spec, *ExecError when the
// program could not be executed. ctx bounds the start only.
func (h *Host) Start(ctx context.Context, spec Spec) (*Cell, error) { panic("cell: skeleton") }

// Cell is one running sandbox. Its methods may be called from many goroutines.
type Cell struct{}

// Listener is the i-th address of Spec.Listen; it is closed with the cell.
func (c *Cell) Listener(i int) net.Listener { panic("cell: skeleton") }

// Done is closed when nothing of the cell runs any more, all its output was
// written to Stdout and Stderr, and Exit is known.
func (c *Cell) Done() <-chan struct{} { panic("cell: skeleton") }

// Exit waits for Done and says how the program ended.
func (c *Cell) Exit() Exit { panic("cell: skeleton") }

// Kill ends everything in the cell at once. It does not wait; see Done.
func (c *Cell) Kill() { panic("cell: skeleton") }

// PeakMemory is the most memory the cell ever used, in bytes, limits being
// counted the same way; 0 when the kernel does not say.
func (c *Cell) PeakMemory() int64 { panic("cell: skeleton") }

// Exit is how a cell ended.
type Exit struct {
	Code       int   // exit status of the program; -1 when a signal ended it
	Signal     int   // the signal that ended it, or 0
	Killed     bool  // Kill or Close ended it
	OOMKilled  bool  // it reached MemoryBytes
	PeakMemory int64 // bytes
	// Lived is the time from start to end.
	Lived time.Duration
}
