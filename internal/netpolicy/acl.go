package netpolicy

import "net/netip"

// The ports that this machine's clients have, which answers come back to
// (Linux's net.ipv4.ip_local_port_range).
const (
	firstEphemeral = 32768
	lastEphemeral  = 60999
)

// Entry is one of a network ACL's, which are in the order of their numbers.
type Entry struct {
	ID       string // "ACL/NUMBER"
	Egress   bool
	Allow    bool
	Protocol int // Any for all
	// From and To are the ports; of ICMP the type and the code, -1 for all.
	From, To int
	Peers    netip.Prefix
}

// packet is one direction of a flow, as a network ACL sees it.
type packet struct {
	egress      bool
	protocol    uint8
	peer        netip.Addr
	first, last uint16 // destination ports, all of which have to pass
	kind, code  uint8  // of ICMP
	plain       bool   // a protocol without ports
}

// there is the direction in which a flow begins.
func (f *Flow) there() packet {
	p := packet{egress: !f.Ingress, protocol: f.Protocol, peer: f.Remote.Addr(), kind: f.Type, code: f.Code}
	p.first, p.last = f.server(), f.server()
	p.plain = f.Protocol != TCP && f.Protocol != UDP
	return p
}

// back is the direction of the answers, if there are any.
func (f *Flow) back() (packet, bool) {
	p := packet{egress: f.Ingress, protocol: f.Protocol, peer: f.Remote.Addr()}
	switch {
	case f.Protocol == TCP || f.Protocol == UDP:
		p.first, p.last = f.ephemeral()
		return p, true
	case f.Protocol == ICMP && f.Type == 8: // echo
		p.plain = true
		return p, true
	case f.Protocol == ICMPv6 && f.Type == 128:
		p.plain, p.kind = true, 129
		return p, true
	case f.Protocol == ICMP || f.Protocol == ICMPv6:
		return p, false
	}
	p.plain = true
	return p, true
}

// ephemeral are the ports of the side that began.
func (f *Flow) ephemeral() (first, last uint16) {
	port := f.Local.Port()
	if f.Ingress {
		port = f.Remote.Port()
	}
	if port == 0 {
		return firstEphemeral, lastEphemeral
	}
	return port, port
}

// passes tells whether the ACL lets all of a packet's ports through from the
// entry at on, and which entry decided. The first entry that speaks of a port
// decides on it; what none speaks of is denied.
func (p *Policy) passes(k *packet, at int, first, last uint16) (bool, string) {
	for ; at < len(p.ACL); at++ {
		e := &p.ACL[at]
		if e.Egress != k.egress || e.Protocol != Any && e.Protocol != int(k.protocol) || !e.Peers.Contains(k.peer) || !e.kinds(k) {
			continue
		}
		lo, hi := e.overlap(k, first, last)
		if lo > hi {
			continue
		}
		if !e.Allow {
			return false, e.ID
		}
		if lo > first {
			if ok, by := p.passes(k, at+1, first, lo-1); !ok {
				return false, by
			}
		}
		if hi < last {
			return p.passes(k, at+1, hi+1, last)
		}
		return true, e.ID
	}
	return false, p.ACLID + "/*"
}

func (e *Entry) kinds(k *packet) bool {
	if e.Protocol != ICMP && e.Protocol != ICMPv6 {
		return true
	}
	return (e.From == -1 || e.From == int(k.kind)) && (e.To == -1 || e.To == int(k.code))
}

// overlap are the ports of first to last that the entry speaks of; lo is above
// hi if it speaks of none.
func (e *Entry) overlap(k *packet, first, last uint16) (lo, hi uint16) {
	if e.Protocol == Any || k.plain {
		return first, last
	}
	if e.To < 0 || e.From > 65535 {
		return 1, 0
	}
	return uint16(max(e.From, int(first))), uint16(min(e.To, int(last)))
}
