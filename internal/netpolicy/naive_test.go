package netpolicy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naive decides as the user guides word it, port by port and address by address,
// and shares no code with Decide but the types.
func naive(p *Policy, f *Flow, members map[int][]netip.Prefix) bool {
	remote := f.Remote.Addr()
	for _, bad := range []string{"127.", "169.254.", "224.", "0."} {
		if strings.HasPrefix(remote.String(), bad) {
			return false
		}
	}
	return naiveGroups(p, f, members) && naiveRoute(p, f) && naiveACL(p, f)
}

func naiveGroups(p *Policy, f *Flow, members map[int][]netip.Prefix) bool {
	for i, r := range p.Rules {
		if r.Ingress != f.Ingress || r.Protocol != Any && r.Protocol != int(f.Protocol) {
			continue
		}
		port := int(f.Remote.Port())
		if f.Ingress {
			port = int(f.Local.Port())
		}
		if r.Protocol != Any && (port < r.From || port > r.To) {
			continue
		}
		if !slices.ContainsFunc(members[i], func(m netip.Prefix) bool { return m.Contains(f.Remote.Addr()) }) {
			continue
		}
		if len(r.Names) == 0 || naiveNames(r.Names, f) {
			return true
		}
	}
	return false
}

func naiveNames(patterns []string, f *Flow) bool {
	if f.Ingress || f.Protocol != TCP {
		return false
	}
	for _, name := range f.Names {
		if f.TLS == Hello && name != f.SNI || f.TLS == Plain && f.Remote.Port() == 443 {
			continue
		}
		for _, pattern := range patterns {
			under, wild := strings.CutPrefix(pattern, "*.")
			if !wild && name == pattern || wild && strings.HasSuffix(name, "."+under) && name != "."+under {
				return true
			}
		}
	}
	return false
}

// naiveRoute tries every length of prefix, the longest first.
func naiveRoute(p *Policy, f *Flow) bool {
	for bits := 32; bits >= 0; bits-- {
		for _, local := range []bool{true, false} {
			for _, r := range p.Routes {
				if (r.Target == Local) != local || r.To.Bits() != bits || !r.To.Contains(f.Remote.Addr()) {
					continue
				}
				public := f.Remote.Addr().As4()[0] == 8
				switch r.Target {
				case Internet, NAT:
					return public
				case Blackhole:
					return false
				}
				return f.Ingress
			}
		}
	}
	return false
}

func naiveACL(p *Policy, f *Flow) bool {
	theirs, ours := int(f.Remote.Port()), int(f.Local.Port())
	wanted := map[bool][]int{true: {theirs}, false: {ours}} // by egress
	begins := ours
	if f.Ingress {
		begins = theirs
	}
	if begins == 0 {
		var all []int
		for port := 32768; port <= 60999; port++ {
			all = append(all, port)
		}
		wanted[f.Ingress] = all
	}
	for egress, ports := range wanted {
		for _, port := range ports {
			if !naiveEntry(p, egress, int(f.Protocol), port, f.Remote.Addr()) {
				return false
			}
		}
	}
	return true
}

func naiveEntry(p *Policy, egress bool, protocol, port int, peer netip.Addr) bool {
	for _, e := range p.ACL {
		if e.Egress == egress && e.Peers.Contains(peer) && (e.Protocol == Any || e.Protocol == protocol && e.From <= port && port <= e.To) {
			return e.Allow
		}
	}
	return false
}

var (
	drawProtocol = rapid.SampledFrom([]int{Any, TCP, UDP})
	drawPort     = rapid.SampledFrom([]int{0, 1, 22, 443, 8080, 32767, 32768, 40000, 50000, 60999, 61000, 65535})
	drawPrefix   = rapid.SampledFrom([]string{"0.0.0.0/0", "8.0.0.0/8", "8.8.0.0/16", "8.8.8.0/24", "8.8.8.8/32", "10.0.0.0/8", "10.1.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "8.8.8.8/31"})
	drawAddr     = rapid.SampledFrom([]string{"8.8.8.8", "8.8.8.9", "8.8.1.1", "8.1.1.1", "10.0.0.1", "10.1.0.1", "127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0"})
	drawName     = rapid.SampledFrom([]string{"a.example.com", "b.a.example.com", "example.com", "xexample.com", ".example.com"})
	drawPattern  = rapid.SampledFrom([]string{"a.example.com", "*.example.com", "*.a.example.com", "example.com"})
)

func drawPorts(t *rapid.T) (from, to int) {
	a, b := drawPort.Draw(t, "from"), drawPort.Draw(t, "to")
	return min(a, b), max(a, b)
}

func drawPolicy(t *rapid.T) (*Policy, map[int][]netip.Prefix) {
	p, members := &Policy{ACLID: "acl"}, map[int][]netip.Prefix{}
	for i := range rapid.IntRange(1, 5).Draw(t, "rules") {
		r := Rule{ID: "r", Ingress: rapid.Bool().Draw(t, "ingress"), Protocol: drawProtocol.Draw(t, "protocol")}
		r.From, r.To = drawPorts(t)
		for range rapid.IntRange(0, 4).Draw(t, "peers") {
			members[i] = append(members[i], netip.MustParsePrefix(drawPrefix.Draw(t, "peer")))
		}
		r.Peers = NewSet(members[i]...)
		r.Names = rapid.SliceOfN(drawPattern, 0, 2).Draw(t, "names")
		p.Rules = append(p.Rules, r)
	}
	for range rapid.IntRange(0, 8).Draw(t, "entries") {
		e := Entry{ID: "e", Egress: rapid.Bool().Draw(t, "egress"), Allow: rapid.IntRange(0, 3).Draw(t, "allow") > 0,
			Protocol: drawProtocol.Draw(t, "protocol"), Peers: netip.MustParsePrefix(drawPrefix.Draw(t, "peer"))}
		e.From, e.To = drawPorts(t)
		p.ACL = append(p.ACL, e)
	}
	for range rapid.IntRange(0, 4).Draw(t, "routes") {
		p.Routes = append(p.Routes, Route{netip.MustParsePrefix(drawPrefix.Draw(t, "to")), Target(rapid.SampledFrom([]int{0, 1, 2, 3, 5}).Draw(t, "target"))})
	}
	if rapid.Bool().Draw(t, "roomy") { // most policies of chance allow nothing
		for _, egress := range []bool{true, false} {
			p.ACL = append(p.ACL, Entry{ID: "e", Egress: egress, Allow: true, Protocol: Any, Peers: netip.MustParsePrefix("0.0.0.0/0")})
		}
		p.Routes = append(p.Routes, Route{netip.MustParsePrefix("0.0.0.0/0"), Internet})
	}
	SortRoutes(p.Routes)
	return p, members
}

func drawFlow(t *rapid.T) *Flow {
	f := &Flow{Ingress: rapid.Bool().Draw(t, "in"), Protocol: rapid.SampledFrom([]uint8{TCP, UDP}).Draw(t, "of")}
	f.Local = netip.AddrPortFrom(netip.MustParseAddr("10.1.0.9"), uint16(drawPort.Draw(t, "local")))
	f.Remote = netip.AddrPortFrom(netip.MustParseAddr(drawAddr.Draw(t, "remote")), uint16(drawPort.Draw(t, "port")))
	f.Names = rapid.SliceOfN(drawName, 0, 2).Draw(t, "resolved")
	f.TLS = TLS(rapid.IntRange(0, 2).Draw(t, "tls"))
	if f.TLS == Hello {
		f.SNI = drawName.Draw(t, "sni")
	}
	return f
}

func TestAgreesWithNaive(t *testing.T) {
	allowed, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p, members := drawPolicy(t)
		for range 10 {
			f := drawFlow(t)
			got, want := p.Decide(f), naive(p, f, members)
			if got.Allowed != want {
				t.Fatalf("policy %+v\nflow %+v\ngives %+v, and not %t", p, f, got, want)
			}
			if got.Allowed {
				allowed++
			} else {
				refused++
			}
		}
	})
	if allowed < 20 || refused < 20 {
		t.Errorf("%d allowed, %d refused: the test shows nothing", allowed, refused)
	}
}

// A rule with names allows nothing that the same rule without them would not,
// and taking a name away never allows more.
func TestNamesOnlyNarrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _ := drawPolicy(t)
		f := drawFlow(t)
		wide := *p
		wide.Rules = slices.Clone(p.Rules)
		for i := range wide.Rules {
			wide.Rules[i].Names = nil
		}
		if p.Decide(f).Allowed && !wide.Decide(f).Allowed {
			t.Fatalf("%+v is allowed by names alone", f)
		}
		fewer := *f
		fewer.Names = nil
		if p.Decide(&fewer).Allowed && !p.Decide(f).Allowed {
			t.Fatalf("%+v is allowed only if nothing was resolved", f)
		}
	})
}

func TestSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []netip.Prefix
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			if rapid.Bool().Draw(t, "six") {
				b := [16]byte{0x20, rapid.ByteRange(0, 3).Draw(t, "a"), rapid.ByteRange(0, 3).Draw(t, "b")}
				all = append(all, netip.PrefixFrom(netip.AddrFrom16(b), rapid.IntRange(0, 128).Draw(t, "bits")))
				continue
			}
			b := [4]byte{rapid.ByteRange(0, 3).Draw(t, "a"), rapid.ByteRange(0, 3).Draw(t, "b"), 0, rapid.Byte().Draw(t, "d")}
			all = append(all, netip.PrefixFrom(netip.AddrFrom4(b), rapid.IntRange(0, 32).Draw(t, "bits")))
		}
		s := NewSet(all...)
		for range 20 {
			a := netip.AddrFrom4([4]byte{rapid.ByteRange(0, 4).Draw(t, "a"), rapid.ByteRange(0, 4).Draw(t, "b"), rapid.ByteRange(0, 1).Draw(t, "c"), rapid.Byte().Draw(t, "d")})
			if rapid.Bool().Draw(t, "six") {
				a = netip.AddrFrom16([16]byte{0x20, rapid.ByteRange(0, 4).Draw(t, "a"), rapid.ByteRange(0, 4).Draw(t, "b"), 15: rapid.Byte().Draw(t, "d")})
			}
			want := slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(a) })
			if s.Contains(a) != want {
				t.Fatalf("%v of %v: %t", a, all, !want)
			}
		}
	})
}
