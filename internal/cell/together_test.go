package cell

import (
	"context"
	"testing"
)

// What all cells use together is limited, whatever each may use. At that limit
// the cell ends that uses most, and its neighbours stay.
func TestTheMemoryOfAllCellsIsLimited(t *testing.T) {
	h, err := NewHost(HostOptions{MemoryBytes: 96 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	startIn := func(args ...string) (*Cell, *waiter) {
		w := newWaiter("print:1 x")
		spec := probeSpec(args...)
		spec.MemoryBytes, spec.Stdout = 1<<30, w
		c, err := h.Start(context.Background(), spec)
		if err != nil {
			t.Fatal(err)
		}
		return c, w
	}
	neighbour, ready := startIn("print:1", "sleep")
	<-ready.seen
	for _, bomb := range []string{"memory_bomb", "child_memory_bomb"} {
		c, _ := startIn(bomb)
		if exit := c.Exit(); !exit.OOMKilled || exit.PeakMemory > 97<<20 {
			t.Errorf("%s: exit %+v", bomb, exit)
		}
	}
	neighbour.Kill()
	if exit := neighbour.Exit(); !exit.Killed || exit.OOMKilled {
		t.Errorf("the neighbour ended: %+v", exit)
	}
}

func TestTheDefaultIsAShareOfTheMachine(t *testing.T) {
	if got := DefaultMemory(); got <= 0 {
		t.Errorf("%d bytes", got)
	}
}
