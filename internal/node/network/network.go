package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"cloister/internal/cell/egress"
	"cloister/internal/dial"
	"cloister/internal/netpolicy"
)

// nameTime is how long a resolved name counts: the platform's resolver does not
// say how long it would.
const nameTime = time.Minute

// Flow is what became of a flow.
type Flow struct {
	Protocol     uint8
	Local        netip.AddrPort
	Remote       netip.AddrPort
	Verdict      netpolicy.Verdict
	Began, Ended time.Time
	Sent         int64 // bytes
	Received     int64
	Writes       int64 // as many packets at least
	Reads        int64
}

// Options are what a cell's way out needs. All but Record is required.
type Options struct {
	// Policy is the policy as it is now. Its error denies everything.
	Policy func(ctx context.Context) (*netpolicy.Policy, error)
	// Address is the cell's own.
	Address netip.Addr
	Connect func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Record is told of every flow, once: when it is denied, or when it has ended.
	Record func(Flow)
}

// Way is one cell's way out. It is safe for concurrent use.
type Way struct {
	o Options

	mu   sync.Mutex
	open map[*conn]struct{}
}

// New makes the way out of a cell.
func New(o Options) *Way {
	if o.Record == nil {
		o.Record = func(Flow) {}
	}
	return &Way{o: o, open: map[*conn]struct{}{}}
}

// Connect implements egress.Egress.
func (w *Way) Connect(ctx context.Context, f egress.Flow) (net.Conn, error) {
	flow := netpolicy.Flow{Protocol: uint8(f.Proto), Local: netip.AddrPortFrom(w.o.Address, f.Source.Port()), Remote: f.Dest, Names: f.Names}
	policy, err := w.o.Policy(ctx)
	if err != nil {
		return nil, errors.Join(egress.ErrDenied, err)
	}
	c := &conn{way: w, flow: flow, verdict: policy.Decide(&flow), began: time.Now()}
	if !c.verdict.Allowed {
		w.o.Record(c.record())
		return nil, c.denial()
	}
	if c.Conn, err = w.o.Connect(ctx, f.Proto.String(), f.Dest); err != nil {
		if errors.Is(err, dial.ErrRefused) {
			c.verdict = netpolicy.Verdict{Reason: netpolicy.ReasonForbidden}
			err = c.denial()
		}
		w.o.Record(c.record())
		return nil, err
	}
	c.held = c.verdict.Named && flow.Protocol == netpolicy.TCP
	w.mu.Lock()
	w.open[c] = struct{}{}
	w.mu.Unlock()
	if err := c.again(ctx); err != nil { // the policy may have changed before it was in the list
		return nil, err
	}
	return c, nil
}

func (c *conn) denial() error {
	return fmt.Errorf("%w: %s %s", egress.ErrDenied, c.flow.Remote, c.verdict.Reason)
}

// Resolve implements egress.Egress.
func (w *Way) Resolve(ctx context.Context, q egress.Question) (egress.Answer, error) {
	policy, err := w.o.Policy(ctx)
	if err != nil || !policy.Resolves(q.Name) {
		return egress.Answer{}, errors.Join(fmt.Errorf("%w: no rule has a use for %s", egress.ErrDenied, q.Name), err)
	}
	found, err := w.o.Resolve(ctx, q.Name)
	if err != nil {
		return egress.Answer{}, err
	}
	if len(found) == 0 {
		return egress.Answer{}, egress.ErrNoName
	}
	answer := egress.Answer{TTL: nameTime}
	for _, a := range found {
		if a = a.Unmap(); a.Is4() != q.IPv6 && !netpolicy.Forbidden(a) {
			answer.Addrs = append(answer.Addrs, a)
		}
	}
	return answer, nil
}

// Changed decides on all that is established again.
func (w *Way) Changed(ctx context.Context) {
	w.mu.Lock()
	all := make([]*conn, 0, len(w.open))
	for c := range w.open {
		all = append(all, c)
	}
	w.mu.Unlock()
	for _, c := range all {
		_ = c.again(ctx)
	}
}
