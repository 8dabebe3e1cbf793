package netpolicy

import (
	"net/netip"

	"cloister/internal/dial"
)

// forbidden are the addresses that mean this machine, this link, a cloud's
// metadata, another cell, or nobody in particular.
var forbidden = NewSet(
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's wire server
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("192.0.0.0/24"), // where cells are
	netip.MustParsePrefix("224.0.0.0/3"),  // multicast, reserved, broadcast
	netip.MustParsePrefix("::/96"),        // unspecified, loopback, IPv4-compatible
	netip.MustParsePrefix("2001::/32"),    // Teredo: carries an IPv4 address, masked
	netip.MustParsePrefix("fd00:ec2::/32"),
	netip.MustParsePrefix("fd20:ce::/32"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fec0::/10"),
	netip.MustParsePrefix("ff00::/8"),
)

// carriers hold an IPv4 address in their bytes from the second field on.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64, RFC 6052
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // SIIT, RFC 7915
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4
}

// Forbidden tells whether no rule can open an address, by whatever form of it.
func Forbidden(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" || a.Is4In6() {
		return true
	}
	if forbidden.Contains(a) || forbidden.Contains(dial.Real(a)) {
		return true
	}
	for _, c := range carriers {
		if a.Is6() && c.prefix.Contains(a) {
			b := a.As16()
			return forbidden.Contains(netip.AddrFrom4([4]byte(b[c.at : c.at+4])))
		}
	}
	return false
}
