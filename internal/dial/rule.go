package dial

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Rule lets connections to addresses pass that are not the public internet's:
// those of a range, or those that a name has, on one port or on any.
//
// A name's rule never opens link-local addresses (cloud metadata among them),
// and loopback only for localhost: who rules the name's DNS would choose them.
// A range opens link-local addresses only if it lies within theirs.
type Rule struct {
	prefix netip.Prefix // valid for a range
	host   string       // for a name, in lower case
	port   uint16       // 0 for any
}

// ParseRule reads CIDR[:PORT], ADDRESS[:PORT] or HOST[:PORT], an IPv6 address
// or range with a port in brackets. Its error says what is wrong with the text.
func ParseRule(text string) (Rule, error) {
	host, port, err := splitPort(text)
	if err != nil {
		return Rule{}, fmt.Errorf("%q: %w", text, err)
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	r := Rule{port: port}
	if r.prefix, err = parsePrefix(host); err == nil {
		return r, nil
	}
	if strings.ContainsAny(host, "/:") || looksNumeric(host) {
		return Rule{}, fmt.Errorf("%q is no address and no range: %w", text, err)
	}
	if err := checkHost(host); err != nil {
		return Rule{}, fmt.Errorf("%q: %w", text, err)
	}
	r.host = host
	return r, nil
}

// splitPort cuts the port off, which an IPv6 address has only in brackets.
func splitPort(text string) (host string, port uint16, err error) {
	host, digits := text, ""
	if rest, ok := strings.CutPrefix(text, "["); ok {
		inside, behind, closed := strings.Cut(rest, "]")
		if !closed || !strings.Contains(inside, ":") {
			return "", 0, errors.New("brackets hold an IPv6 address or range")
		}
		if behind == "" {
			return inside, 0, nil
		}
		if behind[0] != ':' {
			return "", 0, errors.New("behind the brackets stands :PORT or nothing")
		}
		host, digits = inside, behind[1:]
	} else if strings.Count(text, ":") == 1 {
		host, digits, _ = strings.Cut(text, ":")
	} else {
		return text, 0, nil
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 || digits[0] == '0' {
		return "", 0, fmt.Errorf("%q is no port from 1 to 65535", digits)
	}
	return host, uint16(n), nil
}

// parsePrefix reads a range or an address. A range that has bits behind its
// length is a mistake and not read as another.
func parsePrefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		if a.Zone() != "" {
			return netip.Prefix{}, errors.New("an address with a zone is of one machine only")
		}
		return checkPrefix(netip.PrefixFrom(a, a.BitLen()))
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return checkPrefix(p)
}

func checkPrefix(p netip.Prefix) (netip.Prefix, error) {
	switch {
	case p.Addr().Is4In6():
		return netip.Prefix{}, errors.New("write an IPv4 address as such")
	case p.Masked() != p:
		return netip.Prefix{}, fmt.Errorf("the range begins at %s", p.Masked())
	}
	return p, nil
}

// looksNumeric keeps a mistyped address from being taken for a name, as which
// some resolvers read it.
func looksNumeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && (strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"))
}

func checkHost(host string) error {
	if host == "" || len(host) > 253 {
		return errors.New("a host name has 1 to 253 characters")
	}
	for _, label := range strings.Split(host, ".") {
		if !isLabel(label) {
			return errors.New("a host name is made of letters, digits and hyphens, without wildcards")
		}
	}
	return nil
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// String is the rule as ParseRule reads it.
func (r Rule) String() string {
	host := r.host
	if r.prefix.IsValid() {
		host = r.prefix.String()
		if r.prefix.IsSingleIP() {
			host = r.prefix.Addr().String()
		}
	}
	if r.port == 0 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(r.port)))
}

// Wide tells whether the rule opens so much that somebody should know of it: a
// range of more than a /16, or of an IPv6 network of more than a /48.
func (r Rule) Wide() bool {
	if !r.prefix.IsValid() {
		return false
	}
	if r.prefix.Addr().Is4() {
		return r.prefix.Bits() < 16
	}
	return r.prefix.Bits() < 48
}

// allows tells whether the rule lets a connection pass that was asked for by
// name (or number) and goes to a, as real gave it.
func (r Rule) allows(name string, a netip.Addr, port uint16) bool {
	if r.port != 0 && r.port != port {
		return false
	}
	guard, isGuarded := guardOf(a)
	if r.prefix.IsValid() {
		return r.prefix.Contains(a) && (!isGuarded || guard.Contains(r.prefix.Addr()) && r.prefix.Bits() >= guard.Bits())
	}
	if r.host != name || isGuarded {
		return false
	}
	return !a.IsLoopback() || isLocalhost(r.host)
}

func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
