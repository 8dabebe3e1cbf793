package egress

import (
	"encoding/binary"
	"net/netip"
	"os"
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// MTU is the largest packet on a cell's interface. It is no network's: a large
// one saves most of the work of cutting a stream into packets.
const MTU = 65520

// link is the cell's TUN device as an interface of the stack. Every packet from
// it was made by the cell's kernel, which lets programs make none of their own;
// it is checked as if they could.
type link struct {
	tun    *os.File
	source [2]netip.Addr // the cell's addresses

	mu   sync.RWMutex
	up   stack.NetworkDispatcher
	done chan struct{} // closed when the reader has ended
}

func newLink(tun *os.File, n Network) *link {
	l := &link{tun: tun, source: [2]netip.Addr{n.Address, n.Address6}, done: make(chan struct{})}
	if !n.Address.IsValid() {
		l.source[0] = DefaultAddress
	}
	return l
}

// read hands packets to the stack until the device is closed.
func (l *link) read() {
	defer close(l.done)
	b := make([]byte, MTU+1)
	for {
		n, err := l.tun.Read(b)
		if err != nil {
			return
		}
		if proto, ok := l.classify(b[:n]); ok {
			l.deliver(proto, b[:n])
		}
	}
}

func (l *link) deliver(proto tcpip.NetworkProtocolNumber, packet []byte) {
	l.mu.RLock()
	up := l.up
	l.mu.RUnlock()
	if up == nil {
		return
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
	up.DeliverNetworkPacket(proto, pkt)
	pkt.DecRef()
}

// classify passes whole TCP and UDP packets from the cell's own addresses, without
// options or extension headers, and nothing else: what is not needed is not parsed
// further, and a program can bind a socket to any address.
func (l *link) classify(p []byte) (tcpip.NetworkProtocolNumber, bool) {
	switch {
	case len(p) >= header.IPv4MinimumSize && p[0] == 4<<4|5:
		fragment := binary.BigEndian.Uint16(p[6:]) & 0x3fff // more to come, or not the first
		return header.IPv4ProtocolNumber, fragment == 0 && transported(p[9]) && int(binary.BigEndian.Uint16(p[2:])) == len(p) &&
			netip.AddrFrom4([4]byte(p[12:16])) == l.source[0]
	case len(p) >= header.IPv6MinimumSize && p[0]>>4 == 6:
		return header.IPv6ProtocolNumber, transported(p[6]) && int(binary.BigEndian.Uint16(p[4:]))+header.IPv6MinimumSize == len(p) &&
			l.isSource6(netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40])))
	}
	return 0, false
}

// isSource6 lets the interface's link-local address speak to others of its kind:
// only so is that denied at once.
func (l *link) isSource6(from, to netip.Addr) bool {
	return from == l.source[1] || from.IsLinkLocalUnicast() && to.IsLinkLocalUnicast()
}

func transported(protocol byte) bool { return Proto(protocol) == TCP || Proto(protocol) == UDP }

// packets are lent for writing: one must be in one piece.
var packets = sync.Pool{New: func() any { return new([MTU + 1]byte) }}

// WritePackets gives packets to the cell. One that the device does not take is
// lost, as on any network.
func (l *link) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	b := packets.Get().(*[MTU + 1]byte)
	defer packets.Put(b)
	for _, pkt := range list.AsSlice() {
		n := 0
		for _, part := range pkt.AsSlices() {
			n += copy(b[n:], part)
		}
		if _, err := l.tun.Write(b[:n]); err != nil {
			return 0, &tcpip.ErrAborted{}
		}
	}
	return list.Len(), nil
}

// The rest of stack.LinkEndpoint.

func (l *link) MTU() uint32                      { return MTU }
func (l *link) SetMTU(uint32)                    {}
func (l *link) MaxHeaderLength() uint16          { return 0 }
func (l *link) LinkAddress() tcpip.LinkAddress   { return "" }
func (l *link) SetLinkAddress(tcpip.LinkAddress) {}
func (l *link) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityRXChecksumOffload
}
func (l *link) Wait()                                   { <-l.done }
func (l *link) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }
func (l *link) AddHeader(*stack.PacketBuffer)           {}
func (l *link) ParseHeader(*stack.PacketBuffer) bool    { return true }
func (l *link) Close()                                  { l.tun.Close() }
func (l *link) SetOnCloseAction(func())                 {}

// Attach is called with nil when the interface is removed.
func (l *link) Attach(up stack.NetworkDispatcher) {
	l.mu.Lock()
	l.up = up
	l.mu.Unlock()
}

func (l *link) IsAttached() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.up != nil
}
