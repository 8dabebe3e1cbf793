package netpolicy

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
)

// TestDecisions reads testdata/decisions.txt: a policy, then flows and what is
// decided on each.
//
//	rule ID in|out PROTO PORTS PEERS [NAMES]
//	acl NUMBER in|out allow|deny PROTO PORTS PEER
//	route CIDR TARGET
//	flow in|out PROTO LOCALPORT REMOTE [names=…] [tls=plain|NAME]  ->  VERDICT
func TestDecisions(t *testing.T) {
	text, err := os.ReadFile("testdata/decisions.txt")
	if err != nil {
		t.Fatal(err)
	}
	flows := 0
	p := &Policy{}
	for n, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		switch words[0] {
		case "policy":
			p = &Policy{ACLID: "acl", RouteTable: "rtb", Own: NewSet(netip.MustParsePrefix("198.41.0.4/32"))}
		case "rule":
			p.Rules = append(p.Rules, parseRule(t, words[1:]))
		case "acl":
			p.ACL = append(p.ACL, parseEntry(t, words[1:]))
		case "route":
			p.Routes = append(p.Routes, Route{netip.MustParsePrefix(words[1]), targets[words[2]]})
			SortRoutes(p.Routes)
		case "flow":
			flows++
			question, want, _ := strings.Cut(line, "->")
			v := p.Decide(parseFlow(t, strings.Fields(question)[1:]))
			if got := show(v); got != strings.TrimSpace(want) {
				t.Errorf("line %d: %s\ngot  %s", n+1, line, got)
			}
		default:
			t.Fatalf("line %d: %s", n+1, line)
		}
	}
	if flows < 60 {
		t.Errorf("only %d flows were decided on", flows)
	}
}

func show(v Verdict) string {
	text := v.Reason.String()
	if v.Rule != "" {
		text += " " + v.Rule
	}
	if v.Named {
		text += " named"
	}
	if v.Untracked {
		text += " untracked"
	}
	return text
}

var targets = map[string]Target{"blackhole": Blackhole, "local": Local, "igw": Internet, "nat": NAT, "eigw": EgressOnly, "elsewhere": Elsewhere}

var protocols = map[string]int{"all": Any, "tcp": TCP, "udp": UDP, "icmp": ICMP, "icmpv6": ICMPv6, "gre": 47}

func parsePorts(t *testing.T, text string) (from, to int) {
	if text == "*" {
		return -1, -1
	}
	if n, _ := fmt.Sscanf(text, "%d-%d", &from, &to); n == 2 {
		return from, to
	}
	if n, _ := fmt.Sscanf(text, "%d/%d", &from, &to); n == 2 {
		return from, to
	}
	if _, err := fmt.Sscanf(text, "%d", &from); err != nil {
		t.Fatal(text)
	}
	return from, from
}

func parseRule(t *testing.T, w []string) Rule {
	r := Rule{ID: w[0], Ingress: w[1] == "in", Protocol: protocols[w[2]]}
	r.From, r.To = parsePorts(t, w[3])
	var peers []netip.Prefix
	for p := range strings.SplitSeq(w[4], ",") {
		peers = append(peers, netip.MustParsePrefix(p))
	}
	r.Peers = NewSet(peers...)
	if len(w) > 5 && w[5] == "BROKEN" {
		r.Broken = true
	} else if len(w) > 5 {
		names, err := ParseNames(w[5])
		if err != nil {
			t.Fatal(err)
		}
		r.Names = names
	}
	return r
}

func parseEntry(t *testing.T, w []string) Entry {
	e := Entry{ID: "acl/" + w[0], Egress: w[1] == "out", Allow: w[2] == "allow", Protocol: protocols[w[3]], Peers: netip.MustParsePrefix(w[5])}
	e.From, e.To = parsePorts(t, w[4])
	return e
}

func parseFlow(t *testing.T, w []string) *Flow {
	f := &Flow{Ingress: w[0] == "in", Protocol: uint8(protocols[w[1]])}
	var port int
	fmt.Sscan(w[2], &port)
	f.Local = netip.AddrPortFrom(netip.MustParseAddr("172.31.0.9"), uint16(port))
	if kind, ok := strings.CutPrefix(w[2], "type="); ok {
		fmt.Sscanf(kind, "%d/%d", &f.Type, &f.Code)
	}
	if to, err := netip.ParseAddrPort(w[3]); err == nil {
		f.Remote = to
	} else {
		f.Remote = netip.AddrPortFrom(netip.MustParseAddr(w[3]), 0)
	}
	for _, extra := range w[4:] {
		key, value, _ := strings.Cut(extra, "=")
		switch {
		case key == "names":
			f.Names = strings.Split(value, ",")
		case value == "plain":
			f.TLS = Plain
		default:
			f.TLS, f.SNI = Hello, value
		}
	}
	return f
}

func TestNoEgress(t *testing.T) {
	f := &Flow{Protocol: TCP, Remote: netip.MustParseAddrPort("8.8.8.8:443")}
	for _, p := range []*Policy{Closed(), {}} {
		if v := p.Decide(f); v.Allowed || v.Reason != ReasonNoEgress {
			t.Errorf("%+v", v)
		}
	}
}

func TestOpenIsThePublicInternetOnly(t *testing.T) {
	p := Open(NewSet(netip.MustParsePrefix("198.41.0.4/32")))
	for to, want := range map[string]Reason{
		"8.8.8.8": ReasonAllowed, "2606:4700::1": ReasonAllowed, "198.41.0.4": ReasonForbidden, "64:ff9b::c629:4": ReasonForbidden,
		"10.0.0.1": ReasonNotPublic, "192.168.1.1": ReasonNotPublic, "172.31.0.5": ReasonNotPublic, "fd00::1": ReasonNotPublic,
		"127.0.0.1": ReasonForbidden, "169.254.169.254": ReasonForbidden, "::1": ReasonForbidden, "fe80::1": ReasonForbidden,
		"::ffff:8.8.8.8": ReasonForbidden, "fe80::1%eth0": ReasonForbidden, "64:ff9b::a9fe:a9fe": ReasonForbidden, "2002:7f00:1::": ReasonForbidden,
	} {
		f := &Flow{Protocol: TCP, Remote: netip.AddrPortFrom(netip.MustParseAddr(to), 443)}
		if v := p.Decide(f); v.Reason != want || v.Allowed != (want == ReasonAllowed) {
			t.Errorf("%s: %+v", to, v)
		}
	}
}

// What EC2 tracks outlives the rule that allowed it, and nothing else does.
func TestEstablished(t *testing.T) {
	f := &Flow{Protocol: TCP, Remote: netip.MustParseAddrPort("8.8.8.8:443")}
	tracked, open := Open(Set{}), Open(Set{})
	open.Rules = append(open.Rules, Rule{ID: "back", Ingress: true, Protocol: Any, Peers: NewSet(netip.MustParsePrefix("0.0.0.0/0"))})
	without := *tracked
	without.Rules = []Rule{{ID: "other", Protocol: UDP, From: -1, To: -1}}
	walled := without
	walled.ACL = nil
	roadless := without
	roadless.Routes = nil
	ours := without
	ours.Own = NewSet(netip.MustParsePrefix("8.8.8.8/32"))
	for _, c := range []struct {
		name   string
		before *Policy
		after  *Policy
		want   Reason
	}{
		{"tracked, rule gone", tracked, &without, ReasonAllowed},
		{"untracked, rule gone", open, &without, ReasonSecurityGroup},
		{"tracked, ACL denies", tracked, &walled, ReasonACL},
		{"tracked, no route", tracked, &roadless, ReasonNoRoute},
		{"tracked, the machine has the address now", tracked, &ours, ReasonForbidden},
		{"everything gone", tracked, Closed(), ReasonNoEgress},
		{"nothing changed", open, open, ReasonAllowed},
	} {
		if v := c.after.Established(f, c.before.Decide(f)); v.Reason != c.want || v.Allowed != (c.want == ReasonAllowed) {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

func TestDecisionAllocatesNothing(t *testing.T) {
	p, f := usual()
	if v := p.Decide(f); !v.Allowed || !v.Named {
		t.Fatalf("%+v", v)
	}
	if n := testing.AllocsPerRun(100, func() { p.Decide(f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// usual is a policy with some of everything, and a flow that its last rule allows.
func usual() (*Policy, *Flow) {
	p := Open(NewSet(netip.MustParsePrefix("198.41.0.4/32")))
	p.Rules = nil
	var list []netip.Prefix
	for i := range 100 {
		list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i), 0, 0}), 24))
	}
	for i := range 20 {
		p.Rules = append(p.Rules, Rule{ID: fmt.Sprint("sgr-", i), Protocol: TCP, From: 1000 + i, To: 1000 + i, Peers: NewSet(list...)})
	}
	p.Rules = append(p.Rules, Rule{ID: "named", Protocol: TCP, From: 443, To: 443, Peers: NewSet(netip.MustParsePrefix("0.0.0.0/0")), Names: []string{"*.example.com"}})
	return p, &Flow{Protocol: TCP, Remote: netip.MustParseAddrPort("8.8.8.8:443"), Names: []string{"api.example.com"}}
}

func BenchmarkDecide(b *testing.B) {
	p, f := usual()
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(f)
	}
}

func TestResolves(t *testing.T) {
	all := NewSet(netip.MustParsePrefix("0.0.0.0/0"))
	named := Rule{Protocol: TCP, Peers: all, Names: []string{"api.example.com", "*.example.org"}}
	for _, c := range []struct {
		rules []Rule
		name  string
		want  bool
	}{
		{nil, "api.example.com", false},
		{[]Rule{named}, "api.example.com", true},
		{[]Rule{named}, "x.example.org", true},
		{[]Rule{named}, "data.evil.example.net", false},
		{[]Rule{named}, "data.api.example.com", false},
		{[]Rule{named, {Protocol: UDP, From: 1, To: 1, Peers: all}}, "evil.example.net", true},
		{[]Rule{named, {Protocol: Any, Ingress: true, Peers: all}}, "evil.example.net", false},
		{[]Rule{named, {Protocol: Any, Peers: all, Broken: true}}, "evil.example.net", false},
		{[]Rule{named, {Protocol: Any}}, "evil.example.net", false},
	} {
		if got := (&Policy{Rules: c.rules}).Resolves(c.name); got != c.want {
			t.Errorf("%+v: %s: %t", c.rules, c.name, got)
		}
	}
}
