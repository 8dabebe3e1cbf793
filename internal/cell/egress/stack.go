package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"cloister/internal/dial"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	nic = 1

	// openTime bounds a decision and the connecting together.
	openTime = 10 * time.Second

	defaultFlows = 512

	// bufferSize is what a flow may have on its way, in bytes and in each direction.
	// The cell is microseconds away, so more would not be faster.
	bufferSize = 128 << 10

	// mostFlows bounds what all cells together have open, and so the memory for it:
	// a flow can hold some 400 KiB.
	mostFlows = 4096
)

// flowsOfAll are the flows of all cells.
var flowsOfAll atomic.Int64

// Stack is the platform's end of one cell's network: it answers the cell's
// packets, and is the other side of every connection. Its methods may be called
// from many goroutines.
type Stack struct {
	net   Network
	stack *stack.Stack
	names names

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // flows and questions

	questions chan struct{} // as many as may be answered at once
	forwarder *tcp.Forwarder

	mu     sync.Mutex
	closed bool
	flows  map[flowKey]*flow
}

// flowKey tells flows apart.
type flowKey struct {
	proto        Proto
	source, dest netip.AddrPort
}

// flow is one that is open or being opened.
type flow struct {
	Flow
	quote []byte // of the packet that began it, for an error message about it

	mu    sync.Mutex
	ended bool
	abort func() // ends it at once; nil while it is being opened
}

// NewStack serves the packets of a TUN device, which it owns from now on, until
// Close. The device carries bare IP packets: IFF_TUN and IFF_NO_PI.
func NewStack(tun *os.File, network Network) (*Stack, error) {
	s := &Stack{net: network, flows: map[flowKey]*flow{}, questions: make(chan struct{}, mostQuestions)}
	if s.net.MaxFlows == 0 {
		s.net.MaxFlows = defaultFlows
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	l := newLink(tun, network)
	if err := s.configure(l); err != nil {
		s.cancel()
		s.stack.Destroy()
		tun.Close()
		return nil, err
	}
	s.forwarder = tcp.NewForwarder(s.stack, bufferSize, s.net.MaxFlows, s.openTCP)
	s.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, s.handleTCP)
	s.stack.SetTransportProtocolHandler(udp.ProtocolNumber, s.handleUDP)
	go l.read()
	return s, nil
}

// configure makes the stack answer for every address.
func (s *Stack) configure(l *link) error {
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: bufferSize, Max: bufferSize}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: bufferSize, Max: bufferSize}
	adjust, sack, wait := tcpip.TCPModerateReceiveBufferOption(false), tcpip.TCPSACKEnabled(true), tcpip.TCPTimeWaitTimeoutOption(time.Second)
	for _, option := range []tcpip.SettableTransportProtocolOption{&receive, &send, &adjust, &sack, &wait} {
		if err := s.stack.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return fmt.Errorf("set up the network of a cell: %s", err)
		}
	}
	if err := s.stack.CreateNIC(nic, l); err != nil {
		return fmt.Errorf("set up the network of a cell: %s", err)
	}
	for _, err := range []tcpip.Error{s.stack.SetPromiscuousMode(nic, true), s.stack.SetSpoofing(nic, true)} {
		if err != nil {
			return fmt.Errorf("set up the network of a cell: %s", err)
		}
	}
	s.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}, {Destination: header.IPv6EmptySubnet, NIC: nic}})
	return nil
}

// Close ends every flow and waits until nothing is left.
func (s *Stack) Close() {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return
	}
	s.cancel()
	s.Cut(func(Flow) bool { return true })
	s.awaitWork()
	s.stack.RemoveNIC(nic)
	s.stack.Destroy()
}

// awaitWork waits for all flows to end. One that was just answered would wait for
// the cell's part of the handshake, which may never come.
func (s *Stack) awaitWork() {
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	for {
		for _, e := range s.stack.RegisteredEndpoints() {
			e.Abort()
		}
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Cut ends the flows for which which says so, at once, and returns how many there
// were. The program sees ECONNRESET.
func (s *Stack) Cut(which func(Flow) bool) int {
	s.mu.Lock()
	var list []*flow
	for _, f := range s.flows {
		if which(f.Flow) {
			list = append(list, f)
		}
	}
	s.mu.Unlock()
	for _, f := range list {
		f.end()
	}
	return len(list)
}

// admit enters a flow that is about to be opened. It is nil when there are too
// many, or when this is closed.
func (s *Stack) admit(key flowKey, quote []byte) *flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.flows) >= s.net.MaxFlows {
		return nil
	}
	if flowsOfAll.Add(1) > mostFlows {
		flowsOfAll.Add(-1)
		return nil
	}
	f := &flow{Flow: Flow{Proto: key.proto, Source: key.source, Dest: key.dest}, quote: quote}
	s.flows[key] = f
	s.work.Add(1)
	return f
}

func (s *Stack) find(key flowKey) *flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flows[key]
}

// leave is called once for every flow that admit returned.
func (s *Stack) leave(f *flow) {
	s.mu.Lock()
	delete(s.flows, flowKey{f.Proto, f.Source, f.Dest})
	s.mu.Unlock()
	flowsOfAll.Add(-1)
	s.work.Done()
}

// end aborts a flow, or has it aborted as soon as it is open.
func (f *flow) end() {
	f.mu.Lock()
	f.ended = true
	abort := f.abort
	f.mu.Unlock()
	if abort != nil {
		abort()
	}
}

// onEnd says how to abort a flow that is now open. It is false if it was to end
// already.
func (f *flow) onEnd(abort func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.abort = abort
	return !f.ended
}

// connect decides on a flow and opens it.
func (s *Stack) connect(f *flow) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, openTime)
	defer cancel()
	if Unreachable(f.Dest.Addr()) || f.Dest.Addr().Is4In6() { // IPv4 has packets of its own
		return nil, fmt.Errorf("%w: no cell reaches %s", ErrDenied, f.Dest.Addr())
	}
	if own, err := dial.Own(f.Dest.Addr()); own || err != nil {
		return nil, errors.Join(ErrDenied, err)
	}
	flow := f.Flow
	flow.Names = s.names.get(flow.Dest.Addr())
	return s.net.Egress.Connect(ctx, flow)
}

// keyOf is the flow of a packet: what the stack calls local is the destination.
func keyOf(proto Proto, id stack.TransportEndpointID) flowKey {
	return flowKey{
		proto:  proto,
		source: netip.AddrPortFrom(addrOf(id.RemoteAddress), id.RemotePort),
		dest:   netip.AddrPortFrom(addrOf(id.LocalAddress), id.LocalPort),
	}
}

func addrOf(a tcpip.Address) netip.Addr {
	addr, _ := netip.AddrFromSlice(a.AsSlice())
	return addr
}

// address is one of the two addresses of a packet, as the stack writes them.
func address(a netip.Addr) tcpip.Address { return tcpip.AddrFromSlice(a.AsSlice()) }
