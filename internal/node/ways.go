package node

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"

	"cloister/internal/cell/egress"
	"cloister/internal/dial"
	"cloister/internal/netpolicy"
	"cloister/internal/node/network"
	"cloister/internal/service/ec2"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
)

// ways are the ways out of all cells that have one.
type ways struct {
	node   *Node
	dialer *dial.Dialer // for the public internet, and no address besides
	own    netpolicy.Set
	poke   chan struct{} // holds one, when a policy may have changed

	mu  sync.Mutex
	all map[*network.Way]struct{}
}

// newWays makes them; run follows the changes of their policies.
func newWays(n *Node) *ways {
	w := &ways{node: n, dialer: dial.New(), poke: make(chan struct{}, 1), all: map[*network.Way]struct{}{}}
	own, err := w.dialer.Own()
	if err != nil {
		slog.Warn("this machine's addresses could not be found out; no function reaches any", "error", err) // the dialer refuses
	}
	w.own = netpolicy.NewSet(own...)
	n.network.OnChange(w.changed)
	n.db.Subscribe("lambda.function", func(store.Change) { w.changed() })
	return w
}

func (w *ways) changed() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// run decides on what is established again whenever a policy has changed.
func (w *ways) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.poke:
		}
		w.mu.Lock()
		all := make([]*network.Way, 0, len(w.all))
		for way := range w.all {
			all = append(all, way)
		}
		w.mu.Unlock()
		for _, way := range all {
			way.Changed(ctx)
		}
	}
}

// of is the way out of a new cell of a function, and what ends it.
func (w *ways) of(fn *invoke.Function) (*egress.Network, func()) {
	policy, at := w.policyOf(fn)
	way := network.New(network.Options{
		Policy: policy, Address: at.Address, Connect: w.dialer.Connect, Resolve: w.dialer.Addresses, Record: w.recorder(fn, at),
	})
	w.mu.Lock()
	w.all[way] = struct{}{}
	w.mu.Unlock()
	return &egress.Network{Egress: way, Address: at.Address}, func() {
		w.mu.Lock()
		delete(w.all, way)
		w.mu.Unlock()
	}
}

// policyOf is what decides on the flows of a cell: the network of one of its
// function's interfaces, or the function's tag.
func (w *ways) policyOf(fn *invoke.Function) (func(context.Context) (*netpolicy.Policy, error), invoke.Interface) {
	if fn.Network.Internet {
		open := netpolicy.Open(w.own)
		return func(ctx context.Context) (*netpolicy.Policy, error) {
			asks, err := w.node.lambda.AsksInternet(ctx, fn.ARN)
			if err != nil || !asks {
				return netpolicy.Closed(), err
			}
			return open, nil
		}, invoke.Interface{Address: egress.DefaultAddress}
	}
	if len(fn.Network.Interfaces) == 0 {
		return func(context.Context) (*netpolicy.Policy, error) { return netpolicy.Closed(), nil }, invoke.Interface{Address: egress.DefaultAddress}
	}
	at := fn.Network.Interfaces[rand.IntN(len(fn.Network.Interfaces))]
	live := w.node.network.Live(ec2.Place{Account: fn.Account, Region: fn.Region, Subnet: at.Subnet, Groups: fn.Network.Groups}, w.own)
	return live.Policy, at
}

// recorder has what becomes of the flows of an interface in its flow logs; what
// has no interface has none.
func (w *ways) recorder(fn *invoke.Function, at invoke.Interface) func(network.Flow) {
	if at.ID == "" {
		return nil
	}
	return func(f network.Flow) {
		w.node.network.Record(ec2.Flow{
			Account: fn.Account, Region: fn.Region, Interface: at.ID, Subnet: at.Subnet,
			Protocol: f.Protocol, Local: f.Local, Remote: f.Remote, Verdict: f.Verdict, Began: f.Began, Ended: f.Ended,
			Sent: f.Sent, Received: f.Received, Writes: f.Writes, Reads: f.Reads,
		})
	}
}
