package egress

import (
	"net/netip"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// quoteOf copies the start of a packet: what an error message about it has to
// carry, so that the cell's kernel finds the socket; RFC 792, RFC 4443.
func quoteOf(pkt *stack.PacketBuffer) []byte {
	ip, transport := pkt.NetworkHeader().Slice(), pkt.TransportHeader().Slice()
	return append(append(make([]byte, 0, len(ip)+8), ip...), transport[:8]...)
}

// again is when an error message is sent a second time. The kernel only notes the
// first one if it comes while connect() still holds the socket.
const again = 20 * time.Millisecond

// unreachable tells the cell's kernel that what a quoted packet asked for fails
// with an error.
func (s *Stack) unreachable(quote []byte, e syscall.Errno) {
	s.sendUnreachable(quote, e)
	if isUDP(quote) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.work.Go(func() {
		select {
		case <-time.After(again):
			s.sendUnreachable(quote, e)
		case <-s.ctx.Done():
		}
	})
}

func isUDP(quote []byte) bool {
	if quote[0]>>4 == 4 {
		return Proto(header.IPv4(quote).Protocol()) == UDP
	}
	return Proto(header.IPv6(quote).NextHeader()) == UDP
}

func (s *Stack) sendUnreachable(quote []byte, e syscall.Errno) {
	if quote[0]>>4 == 4 {
		s.sendUnreachable4(quote, e)
		return
	}
	s.sendUnreachable6(quote, e)
}

// padded is the length of an error message about TCP over IPv4: more than there is
// room for in a socket that connects (child's receiveRoom). A kernel since 5.11
// queues such a message for the socket and wakes the program before it notes the
// error, and a program that asks for the error in between hears of none, which
// reads as success. A message that finds no room is noted all the same, and only
// then is the program woken. IPv6 does not queue what was not asked for.
const padded = MTU - header.IPv4MinimumSize

// codes4 are the codes of IPv4 that the kernel takes as final for UDP also.
var codes4 = map[syscall.Errno]header.ICMPv4Code{
	syscall.ENETUNREACH:  header.ICMPv4NetProhibited,
	syscall.ECONNREFUSED: header.ICMPv4PortUnreachable,
	syscall.EHOSTUNREACH: header.ICMPv4HostProhibited,
}

func (s *Stack) sendUnreachable4(quote []byte, e syscall.Errno) {
	b := append(make([]byte, header.ICMPv4MinimumSize), quote...)
	m := header.ICMPv4(b)
	m.SetType(header.ICMPv4DstUnreachable)
	m.SetCode(codes4[e])
	m.SetChecksum(^checksum.Checksum(b, 0)) // zeros after it do not change it
	if !isUDP(quote) {
		b = append(b, make([]byte, padded-len(b))...)
	}
	ip := header.IPv4(quote)
	s.sendIP(addrOf(ip.DestinationAddress()), addrOf(ip.SourceAddress()), header.ICMPv4ProtocolNumber, b)
}

var codes6 = map[syscall.Errno]header.ICMPv6Code{
	syscall.ENETUNREACH:  header.ICMPv6NetworkUnreachable,
	syscall.ECONNREFUSED: header.ICMPv6PortUnreachable,
	syscall.EHOSTUNREACH: header.ICMPv6AddressUnreachable,
}

func (s *Stack) sendUnreachable6(quote []byte, e syscall.Errno) {
	b := append(make([]byte, header.ICMPv6ErrorHeaderSize), quote...)
	ip := header.IPv6(quote)
	m := header.ICMPv6(b)
	m.SetType(header.ICMPv6DstUnreachable)
	m.SetCode(codes6[e])
	if isUDP(quote) && e != syscall.ECONNREFUSED {
		m.SetCode(header.ICMPv6Prohibited) // the only one of these that reaches a UDP socket; it says EACCES there
	}
	m.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: m, Src: ip.DestinationAddress(), Dst: ip.SourceAddress()}))
	s.sendIP(addrOf(ip.DestinationAddress()), addrOf(ip.SourceAddress()), header.ICMPv6ProtocolNumber, b)
}

// sendIP gives the cell a packet. The checksum of UDP is left out with IPv4, as
// may be done.
func (s *Stack) sendIP(from, to netip.Addr, protocol tcpip.TransportProtocolNumber, payload []byte) {
	var b []byte
	number := header.IPv4ProtocolNumber
	if from.Is4() {
		b = make([]byte, header.IPv4MinimumSize)
		ip := header.IPv4(b)
		ip.Encode(&header.IPv4Fields{TotalLength: uint16(len(b) + len(payload)), TTL: 64, Protocol: uint8(protocol), SrcAddr: address(from), DstAddr: address(to)})
		ip.SetChecksum(^ip.CalculateChecksum())
	} else {
		number = header.IPv6ProtocolNumber
		b = make([]byte, header.IPv6MinimumSize)
		header.IPv6(b).Encode(&header.IPv6Fields{PayloadLength: uint16(len(payload)), TransportProtocol: protocol, HopLimit: 64, SrcAddr: address(from), DstAddr: address(to)})
	}
	// An error is a packet lost.
	packet := buffer.MakeWithData(b)
	if err := packet.Append(buffer.NewViewWithData(payload)); err != nil {
		return
	}
	s.stack.WriteRawPacket(nic, number, packet)
}
