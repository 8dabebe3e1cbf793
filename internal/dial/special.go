package dial

import "net/netip"

// special are the address ranges that are not the public internet's: the IANA
// special-purpose registries of IPv4 and IPv6 (RFC 6890), multicast, and one
// public address on which a cloud serves metadata.
var special = prefixes(
	"0.0.0.0/8",         // this network
	"10.0.0.0/8",        // private
	"100.64.0.0/10",     // shared by carriers' NAT
	"127.0.0.0/8",       // loopback
	"169.254.0.0/16",    // link-local; metadata of most clouds
	"168.63.129.16/32",  // Azure's wire server
	"172.16.0.0/12",     // private
	"192.0.0.0/24",      // protocol assignments
	"192.0.2.0/24",      // documentation
	"192.88.99.0/24",    // 6to4 relays, deprecated
	"192.168.0.0/16",    // private
	"198.18.0.0/15",     // benchmarks
	"198.51.100.0/24",   // documentation
	"203.0.113.0/24",    // documentation
	"224.0.0.0/4",       // multicast
	"240.0.0.0/4",       // reserved, broadcast
	"2001::/23",         // protocol assignments, Teredo
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4: carries an IPv4 address
	"3fff::/20",         // documentation
	"2620:4f:8000::/48", // AS112
)

// global is where the public internet's IPv6 addresses are (RFC 4291); all
// others are special: loopback, unique local, link-local, multicast, IPv4
// compatible, NAT64 of a local prefix.
var global = netip.MustParsePrefix("2000::/3")

// nat64 carries an IPv4 address in its last four bytes (RFC 6052): networks
// without IPv4 reach the public one through it.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// Real is the address that is reached in the end by connecting to a.
func Real(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

// Public tells whether an address that [Real] gave is of the public internet.
func Public(a netip.Addr) bool {
	if a.Zone() != "" || a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// never are addresses that stand for no single other machine. Nothing allows
// them: to connect to the unspecified address is to connect to oneself.
func never(a netip.Addr) bool {
	return !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// guarded are addresses that a rule has to speak of expressly: a rule for
// everything, or for a name, does not mean the metadata of a cloud.
var guarded = prefixes("169.254.0.0/16", "168.63.129.16/32", "fe80::/10", "fd00:ec2::/32", "fd20:ce::/32")

// guardOf is the guarded range that an address is in.
func guardOf(a netip.Addr) (netip.Prefix, bool) {
	for _, p := range guarded {
		if p.Contains(a) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}
