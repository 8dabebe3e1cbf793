package dial

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// What somebody else decided on may be private, but never this machine.
func TestDirect(t *testing.T) {
	own := "127.0.0.1"
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			own = n.IP.String()
		}
	}
	for _, c := range []struct {
		address string
		refused bool
	}{
		{"127.0.0.1", true}, {"127.1.2.3", true}, {"::1", true}, {"::ffff:127.0.0.1", true}, {"0.0.0.0", true}, {"::", true},
		{"169.254.169.254", true}, {"fd00:ec2::254", true}, {"168.63.129.16", true}, {"fe80::1", true}, {"224.0.0.1", true},
		{"64:ff9b::a9fe:a9fe", true}, {"64:ff9b::7f00:1", true}, {"2606:4700::1%eth0", true}, {"255.255.255.255", true}, {own, true},
		{"10.255.255.1", false}, {"192.168.255.1", false}, {"8.8.8.8", false}, {"2606:4700::1", false}, {"fd12::1", false},
	} {
		err := checkDirect(netip.MustParseAddr(c.address))
		if errors.Is(err, ErrRefused) != c.refused || (err == nil) == c.refused {
			t.Errorf("%s: %v", c.address, err)
		}
	}
	if err := checkDirect(netip.Addr{}); !errors.Is(err, ErrRefused) {
		t.Errorf("no address: %v", err)
	}
	for _, network := range []string{"unix", "ip", "tcp4", ""} {
		if _, err := Direct(t.Context(), network, netip.MustParseAddrPort("8.8.8.8:1")); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", network, err)
		}
	}
	if _, err := Direct(t.Context(), "tcp", netip.MustParseAddrPort("127.0.0.1:1")); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}
