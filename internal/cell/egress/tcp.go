package egress

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

var resolverDNS = netip.AddrPortFrom(Resolver, 53)

// handleTCP gets the packets that belong to no connection: those that ask for one
// are kept waiting for their answer until the flow is open or refused.
func (s *Stack) handleTCP(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	flags := header.TCP(pkt.TransportHeader().Slice()).Flags()
	if !flags.Contains(header.TCPFlagSyn) || flags.Contains(header.TCPFlagAck) {
		return false // the stack answers with a reset
	}
	key := keyOf(TCP, id)
	if s.find(key) != nil {
		return true // asked again while it is decided
	}
	quote := quoteOf(pkt)
	f := s.admit(key, quote)
	if f == nil {
		s.unreachable(quote, syscall.ENETUNREACH)
		return true
	}
	if !s.forwarder.HandlePacket(id, pkt) {
		s.leave(f)
		return false
	}
	return true
}

// openTCP decides on a flow and, when it is open, answers the program.
func (s *Stack) openTCP(r *tcp.ForwarderRequest) {
	f := s.find(keyOf(TCP, r.ID()))
	if f == nil { // not reached: handleTCP entered it
		r.Complete(true)
		return
	}
	defer s.leave(f)
	out, err := s.open(f)
	if err != nil {
		e := errnoOf(err)
		r.Complete(e == syscall.ECONNREFUSED)
		if e != syscall.ECONNREFUSED {
			s.unreachable(f.quote, e)
		}
		return
	}
	defer out.Close()
	var queue waiter.Queue
	in, failed := r.CreateEndpoint(&queue)
	r.Complete(false)
	if failed != nil {
		return
	}
	s.relay(f, in, gonet.NewTCPConn(&queue, in), out)
}

// open is connect, or the DNS of the platform.
func (s *Stack) open(f *flow) (net.Conn, error) {
	if f.Dest == resolverDNS {
		ours, theirs := net.Pipe()
		s.work.Go(func() { s.serveDNS(theirs) })
		return ours, nil
	}
	return s.connect(f)
}

// halfClosed is how long a flow lasts after the program has closed its side: no
// shorter than an invocation.
const halfClosed = 15 * time.Minute

// relay copies both ways until both are done, or one fails.
func (s *Stack) relay(f *flow, in tcpip.Endpoint, program *gonet.TCPConn, out net.Conn) {
	defer program.Close()
	abort := sync.OnceFunc(func() {
		in.Abort()
		out.Close()
	})
	if !f.onEnd(abort) {
		abort()
		return
	}
	var back sync.WaitGroup
	back.Go(func() { stream(program, out, abort) })
	stream(out, program, abort)
	// A program that is gone looks like one that only listens.
	gone := time.AfterFunc(halfClosed, abort)
	back.Wait()
	gone.Stop()
}

// stream copies one way, and passes the end on, if it can be: to close instead
// would end the other way too.
func stream(to, from net.Conn, abort func()) {
	b := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(b)
	// Hidden, so that neither end chooses another way to copy, with a buffer of its
	// own.
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, b[:])
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		err = half.CloseWrite()
	}
	if err != nil {
		abort()
	}
}

var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// errnoOf is what the program is told.
func errnoOf(err error) syscall.Errno {
	switch {
	case errors.Is(err, ErrDenied):
		return syscall.ENETUNREACH
	case errors.Is(err, syscall.ECONNREFUSED):
		return syscall.ECONNREFUSED
	case errors.Is(err, syscall.ENETUNREACH):
		return syscall.ENETUNREACH
	}
	return syscall.EHOSTUNREACH
}

// dnsIdle is how long a program may be silent on a DNS connection.
const dnsIdle = 10 * time.Second

// serveDNS answers questions on a connection until the program is done; RFC 7766.
func (s *Stack) serveDNS(c net.Conn) {
	defer c.Close()
	stop := context.AfterFunc(s.ctx, func() { c.Close() })
	defer stop()
	var length [2]byte
	for {
		c.SetDeadline(time.Now().Add(dnsIdle))
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		message := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, message); err != nil {
			return
		}
		answer := s.ask(message, 1<<16-1)
		if answer == nil {
			return
		}
		c.SetDeadline(time.Now().Add(dnsIdle))
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}
