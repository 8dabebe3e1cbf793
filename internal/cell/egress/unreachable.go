package egress

import "net/netip"

// neverAny are ranges that no rule opens: they mean this machine, this link, or
// nobody in particular. Metadata of clouds is among them.
var neverAny = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's wire server
	netip.MustParsePrefix("192.0.0.0/24"),     // where cells are; RFC 6890
	netip.MustParsePrefix("224.0.0.0/3"),      // multicast, reserved, broadcast
	netip.MustParsePrefix("::/96"),            // unspecified, loopback, IPv4-compatible
	netip.MustParsePrefix("2001::/32"),        // Teredo: carries an IPv4 address, masked
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fec0::/10"), // site-local, deprecated
	netip.MustParsePrefix("ff00::/8"),
	netip.MustParsePrefix("fd00:ec2::/32"), // metadata of AWS
	netip.MustParsePrefix("fd20:ce::/32"),  // metadata of Google
}

// carriers hold an IPv4 address at an offset in bytes, which is the one reached in the end.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64, RFC 6052
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // SIIT, RFC 7915
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4
}

// Unreachable says whether no cell may reach an address, whatever rules say. The
// machine's own addresses come on top, which this cannot know.
func Unreachable(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return true
	}
	a = a.Unmap()
	for _, p := range neverAny {
		if p.Contains(a) {
			return true
		}
	}
	for _, c := range carriers {
		if c.prefix.Contains(a) {
			b := a.As16()
			return Unreachable(netip.AddrFrom4([4]byte(b[c.at : c.at+4])))
		}
	}
	return false
}
