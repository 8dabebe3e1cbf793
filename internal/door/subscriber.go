package door

import "net/netip"

// Subscriber is where a call comes from, as limits of strangers tell it apart: a
// cell, an address, or the network that one subscriber has of IPv6, where who has
// one address has 2⁶⁴ of them.
func (c *Call) Subscriber() string {
	if c.SourceCell != "" {
		return c.SourceCell
	}
	a, err := netip.ParseAddr(c.SourceIP)
	if err != nil {
		return c.SourceIP
	}
	if a = a.Unmap(); a.Is6() {
		if network, err := a.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return a.String()
}
