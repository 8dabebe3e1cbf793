package node

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// What a node keeps is little beside what its requests leave behind, so that
// the garbage collector ran every few milliseconds under load. headroom is
// memory that is never touched, to which the kernel so gives no page, but which
// the collector counts: it runs when as much again was allocated.
const headroom = 16 << 20

func (n *Node) keepHeadroom() {
	room := make([]byte, headroom)
	n.onClose(func() error { runtime.KeepAlive(room); return nil })
}

// The price of it, some 25 MB under load, is given back at rest.
const (
	restEvery  = 4 * time.Second
	restQuiet  = 1 << 20 // bytes allocated in that time: nothing much happens
	restWorthy = 4 << 20 // bytes allocated since it was done last
)

// rest decides when memory is given back to the system.
type rest struct{ seen, done uint64 }

// due is told, every restEvery, how many bytes were ever allocated.
func (r *rest) due(allocated uint64) bool {
	quiet := allocated-r.seen < restQuiet
	r.seen = allocated
	if !quiet || allocated-r.done < restWorthy {
		return false
	}
	r.done = allocated
	return true
}

// giveBackAtRest gives the system the memory that nothing uses, when nothing
// much happens.
func giveBackAtRest(ctx context.Context) {
	tick := time.NewTicker(restEvery)
	defer tick.Stop()
	var r rest
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if r.due(allocated()) {
			debug.FreeOSMemory()
		}
	}
}

// allocated is how many bytes this process has ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
