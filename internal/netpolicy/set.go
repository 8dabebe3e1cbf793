package netpolicy

import (
	"net/netip"
	"slices"
)

// Set is a set of addresses. The zero value is empty. Immutable.
type Set struct {
	spans []span // sorted; apart from each other
	all4  bool
	all6  bool
}

type span struct{ first, last netip.Addr }

// NewSet makes the set of the addresses in prefixes. IPv4 addresses written as
// IPv6 ones are taken as IPv4.
func NewSet(prefixes ...netip.Prefix) Set {
	var s Set
	var all []span
	for _, p := range prefixes {
		if p.Addr().Is4In6() || !p.IsValid() {
			continue
		}
		p = p.Masked()
		s.all4 = s.all4 || p.Bits() == 0 && p.Addr().Is4()
		s.all6 = s.all6 || p.Bits() == 0 && p.Addr().Is6()
		all = append(all, span{p.Addr(), last(p)})
	}
	slices.SortFunc(all, func(a, b span) int { return a.first.Compare(b.first) })
	for _, next := range all {
		if n := len(s.spans); n > 0 && next.first.Compare(s.spans[n-1].last) <= 0 {
			if next.last.Compare(s.spans[n-1].last) > 0 {
				s.spans[n-1].last = next.last
			}
			continue
		}
		s.spans = append(s.spans, next)
	}
	return s
}

// last is the highest address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Contains tells whether a is in the set. IPv4 and IPv6 addresses are apart.
func (s *Set) Contains(a netip.Addr) bool {
	lo, hi := 0, len(s.spans)
	for lo < hi {
		if mid := (lo + hi) / 2; s.spans[mid].last.Compare(a) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(s.spans) && s.spans[lo].first.Compare(a) <= 0
}

// everybody tells whether every address of a's kind is in the set.
func (s *Set) everybody(a netip.Addr) bool {
	if a.Is4() {
		return s.all4
	}
	return s.all6
}
