package invoke

import (
	"context"
	"net"

	"cloister/internal/cell"
)

// Sandboxes starts sandboxes. FromHost gives the real ones; tests use plain
// processes.
type Sandboxes interface {
	// Start runs the program of spec. Errors are those of cell.Host.Start.
	Start(ctx context.Context, spec cell.Spec) (Sandbox, error)
}

// Sandbox is one started cell: what *cell.Cell promises.
type Sandbox interface {
	Listener(i int) net.Listener
	Done() <-chan struct{}
	Exit() cell.Exit
	PeakMemory() int64
	Kill()
}

// FromHost runs functions in the cells of h.
func FromHost(h *cell.Host) Sandboxes { return hostSandboxes{h} }

type hostSandboxes struct{ host *cell.Host }

func (s hostSandboxes) Start(ctx context.Context, spec cell.Spec) (Sandbox, error) {
	c, err := s.host.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	return c, nil
}
