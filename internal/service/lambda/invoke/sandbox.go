package invoke

import (
	"context"
	"net"
	"os"
)

// Sandboxes starts sandboxes. FromHost gives real cells; tests use plain
// processes.
type Sandboxes interface {
	Start(ctx context.Context, spec SandboxSpec) (Sandbox, error)
}

// SandboxSpec is what a function needs of its cell.
type SandboxSpec struct {
	ID          string
	Root        []Bind
	Args        []string
	Env         []string
	Dir         string
	MemoryBytes int64
	CPUMillis   int
	Pids        int
	TmpBytes    int64
	Listen      []string
	Output      *os.File // standard output and standard error
}

// Bind is one read-only part of a cell's root.
type Bind struct{ Source, Target string }

// Sandbox is one started cell.
type Sandbox interface {
	// Listener is the i-th of SandboxSpec.Listen, inside the cell's network.
	Listener(i int) net.Listener
	// Done is closed when nothing of the cell runs any more.
	Done() <-chan struct{}
	// Exit tells how it ended; valid after Done.
	Exit() Exit
	// PeakMemory is the most memory it used until now, in bytes; 0: not known.
	PeakMemory() int64
	// Kill ends it at once. It may be called at any time and more than once.
	Kill()
}

// Exit tells how a sandbox ended.
type Exit struct {
	Code       int // -1 when it was killed by Signal
	Signal     int
	OOMKilled  bool
	PeakMemory int64
}
