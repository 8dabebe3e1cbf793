package egress

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	// datagramIdle ends a flow of datagrams, which has no other end: longer than
	// QUIC's usual idle time.
	datagramIdle = 60 * time.Second
	// mostQuestions are answered at once; more are told that the server failed.
	mostQuestions = 64
)

// handleUDP gets the datagrams that belong to no flow yet.
func (s *Stack) handleUDP(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	key := keyOf(UDP, id)
	if key.dest == resolverDNS {
		s.question(key, pkt.Data().AsRange().ToSlice())
		return true
	}
	quote := quoteOf(pkt)
	f := s.admit(key, quote)
	if f == nil {
		s.unreachable(quote, syscall.ENETUNREACH)
		return true
	}
	// From now on the flow's datagrams wait in its own queue.
	r := udp.NewForwarderRequest(s.stack, id, pkt.Clone())
	var queue waiter.Queue
	in, failed := r.CreateEndpoint(&queue)
	if failed != nil {
		s.leave(f)
		return true
	}
	go s.openUDP(f, gonet.NewUDPConn(&queue, in))
	return true
}

func (s *Stack) openUDP(f *flow, program *gonet.UDPConn) {
	defer s.leave(f)
	defer program.Close()
	out, err := s.connect(f)
	if err != nil {
		s.unreachable(f.quote, errnoOf(err))
		return
	}
	defer out.Close()
	abort := func() {
		program.Close()
		out.Close()
	}
	if !f.onEnd(abort) {
		return
	}
	var active atomic.Bool
	back := make(chan struct{})
	go func() {
		defer close(back)
		s.datagrams(f, program, out, &active)
		abort()
	}()
	s.datagrams(f, out, program, &active)
	abort()
	<-back
}

// datagrams copies one way until the flow ends or nothing was sent either way for
// datagramIdle.
func (s *Stack) datagrams(f *flow, to, from net.Conn, active *atomic.Bool) {
	b := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(b)
	for {
		from.SetReadDeadline(time.Now().Add(datagramIdle))
		n, err := from.Read(b[:])
		switch {
		case err == nil:
			active.Store(true)
		case isTimeout(err) && active.Swap(false):
			continue
		default:
			if refused(err) {
				s.unreachable(f.quote, syscall.ECONNREFUSED)
			}
			return
		}
		if _, err := to.Write(b[:n]); err != nil && !refused(err) {
			return
		}
	}
}

// question answers one datagram to the resolver.
func (s *Stack) question(key flowKey, message []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.work.Go(func() {
		if answer := s.ask(message, 0); answer != nil {
			s.sendUDP(key, answer)
		}
	})
}

// ask answers a message, within bounds of time and number.
func (s *Stack) ask(message []byte, limit int) []byte {
	select {
	case s.questions <- struct{}{}:
		defer func() { <-s.questions }()
	default:
		return failure(message)
	}
	ctx, cancel := context.WithTimeout(s.ctx, openTime)
	defer cancel()
	return s.answer(ctx, message, limit)
}

// sendUDP sends the answer to a datagram of a flow.
func (s *Stack) sendUDP(to flowKey, payload []byte) {
	b := make([]byte, header.UDPMinimumSize+len(payload))
	u := header.UDP(b)
	u.Encode(&header.UDPFields{SrcPort: to.dest.Port(), DstPort: to.source.Port(), Length: uint16(len(b))})
	copy(u.Payload(), payload)
	s.sendIP(to.dest.Addr(), to.source.Addr(), udp.ProtocolNumber, b)
}
