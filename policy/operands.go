package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
)

// stringSet is the operand of StringEquals and StringLike.
type stringSet []pattern

func (s stringSet) compare(value string, ctx Context) outcome {
	return anyOf(s, func(p *pattern) outcome { return p.match(value, ctx) })
}

// foldedSet is the operand of StringEqualsIgnoreCase.
type foldedSet []pattern

func (s foldedSet) compare(value string, ctx Context) outcome {
	return anyOf(s, func(p *pattern) outcome { return p.matchFold(value, ctx) })
}

func compileStrings(wild, fold bool) func(*compiler, *condition, []node) (operand, error) {
	return func(c *compiler, _ *condition, items []node) (operand, error) {
		patterns, err := c.patterns(items, wild)
		if fold {
			return foldedSet(patterns), err
		}
		return stringSet(patterns), err
	}
}

func (c *compiler) patterns(items []node, wild bool) ([]pattern, error) {
	patterns := make([]pattern, 0, len(items))
	for _, item := range items {
		p, err := c.pattern(item, wild)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

// boolSet is the operand of Bool. Its values may be variables.
type boolSet []pattern

func (s boolSet) compare(value string, ctx Context) outcome {
	if !boolean(value) {
		return differs
	}
	return anyOf(s, func(p *pattern) outcome { return p.matchFold(value, ctx) })
}

func compileBools(c *compiler, _ *condition, items []node) (operand, error) {
	patterns, err := c.patterns(items, false)
	for i, p := range patterns {
		if p.shape == shapeExact && !boolean(p.text) {
			return nil, faultf(items[i].at, "%q is neither true nor false", p.text)
		}
	}
	return boolSet(patterns), err
}

func boolean(s string) bool {
	return strings.EqualFold(s, "true") || strings.EqualFold(s, "false")
}

// compileNull notes which answers Null takes; it needs no operand.
func compileNull(_ *compiler, cond *condition, items []node) (operand, error) {
	for _, item := range items {
		if !boolean(item.text) {
			return nil, faultf(item.at, "%q is neither true nor false", item.text)
		}
		cond.wantNull[index(strings.EqualFold(item.text, "true"))] = true
	}
	return nil, nil
}

// binarySet is the operand of BinaryEquals: the bytes behind the base64.
type binarySet []string

func (s binarySet) compare(value string, _ Context) outcome {
	return anyOf(s, func(b *string) outcome { return outcomeOf(*b == value) })
}

func compileBinaries(_ *compiler, _ *condition, items []node) (operand, error) {
	var all binarySet
	for _, item := range items {
		b, err := base64.StdEncoding.Strict().DecodeString(item.text)
		if err != nil {
			return nil, faultf(item.at, "%q is not base64", item.text)
		}
		all = append(all, string(b))
	}
	return all, nil
}

// addressSet is the operand of IpAddress.
type addressSet []netip.Prefix

func (s addressSet) compare(value string, _ Context) outcome {
	a, err := netip.ParseAddr(value)
	if err != nil {
		return differs
	}
	a = a.Unmap()
	return anyOf(s, func(p *netip.Prefix) outcome { return outcomeOf(p.Contains(a)) })
}

func compileAddresses(_ *compiler, _ *condition, items []node) (operand, error) {
	var all addressSet
	for _, item := range items {
		p, ok := network(item.text)
		if !ok {
			return nil, faultf(item.at, "%q is neither an IP address nor a range such as 203.0.113.0/24", item.text)
		}
		all = append(all, p)
	}
	return all, nil
}

// network reads a range or a single address. An IPv4 range written within
// IPv6 means the IPv4 range, as addresses of requests are unmapped too.
func network(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, false
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}
