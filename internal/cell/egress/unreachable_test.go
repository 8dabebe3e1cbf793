package egress

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestUnreachable(t *testing.T) {
	for _, c := range []struct {
		addr string
		want bool
	}{
		{"169.254.169.254", true}, {"169.254.0.1", true}, {"127.0.0.1", true}, {"127.255.255.254", true}, {"0.0.0.0", true},
		{"224.0.0.1", true}, {"239.1.2.3", true}, {"240.0.0.1", true}, {"255.255.255.255", true}, {"192.0.0.1", true},
		{"168.63.129.16", true}, {"::", true}, {"::1", true}, {"::7f00:1", true}, {"::ffff:169.254.169.254", true},
		{"::ffff:127.0.0.1", true}, {"fe80::1", true}, {"fe80::1%eth0", true}, {"2606:4700::1%eth0", true}, {"ff02::1", true},
		{"fec0::1", true}, {"fd00:ec2::254", true}, {"fd20:ce::254", true}, {"64:ff9b::a9fe:a9fe", true}, {"64:ff9b::7f00:1", true},
		{"2002:a9fe:a9fe::1", true}, {"2002:7f00:1::", true}, {"2001:0:1::1", true}, {"::ffff:0:127.0.0.1", true},
		{"8.8.8.8", false}, {"10.0.0.1", false}, {"192.168.1.1", false}, {"172.16.0.1", false}, {"100.64.0.1", false},
		{"223.255.255.255", false}, {"2606:4700::1", false}, {"fd12::1", false}, {"64:ff9b::808:808", false},
		{"2002:808:808::1", false}, {"::ffff:8.8.8.8", false},
	} {
		if got := Unreachable(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("Unreachable(%s) = %t", c.addr, got)
		}
	}
	if !Unreachable(netip.Addr{}) {
		t.Error("the zero address is reachable")
	}
}

// What carries an IPv4 address is reachable only if that address is.
func TestCarriersOpenNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ipv4"))
		plain := netip.AddrFrom4(b)
		six := [16]byte{0: 0x20, 1: 0x02, 2: b[0], 3: b[1], 4: b[2], 5: b[3]}
		nat := [16]byte{1: 0x64, 2: 0xff, 3: 0x9b, 12: b[0], 13: b[1], 14: b[2], 15: b[3]}
		for _, carrier := range []netip.Addr{netip.AddrFrom16(six), netip.AddrFrom16(nat), netip.AddrFrom16(plain.As16())} {
			if Unreachable(carrier) != Unreachable(plain) {
				t.Errorf("%s and %s differ", carrier, plain)
			}
		}
	})
}
