package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const (
	// dialTime bounds name resolution and connecting together.
	dialTime = 5 * time.Second
	// mostAddresses is how many addresses of a name are tried.
	mostAddresses = 4
)

// ErrRefused is wrapped by the error of a connection to where no rule lets it go.
var ErrRefused = errors.New("the platform does not connect to this address")

// Dialer opens connections. It is immutable and safe for concurrent use.
type Dialer struct {
	rules   []Rule
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	connect func(ctx context.Context, network, address string) (net.Conn, error)
	own     func() ([]net.Addr, error) // the machine's addresses
}

// New makes a dialer for the public internet and what the rules add to it.
func New(rules ...Rule) *Dialer {
	resolver := &net.Resolver{PreferGo: true}
	// A dialer that chose among addresses itself, or took a connection to go on
	// elsewhere (MPTCP), would connect to what was not decided on.
	connector := &net.Dialer{}
	connector.SetMultipathTCP(false)
	return &Dialer{
		rules: rules,
		resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return resolver.LookupNetIP(ctx, "ip", host)
		},
		connect: connector.DialContext,
		own:     net.InterfaceAddrs,
	}
}

// DialContext connects to HOST:PORT by TCP, for http.Transport and the like. Of
// a name that has several addresses it takes the first that passes and answers.
// The error wraps ErrRefused if none passed.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, fmt.Errorf("%w: %s is no TCP", ErrRefused, network)
	}
	host, port, err := splitTarget(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	addresses, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	failed := fmt.Errorf("%w: %s has no address", ErrRefused, host)
	for _, a := range addresses {
		conn, err := d.try(ctx, host, a, port)
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

func (d *Dialer) try(ctx context.Context, host string, a netip.Addr, port uint16) (net.Conn, error) {
	if err := d.decide(host, a, port); err != nil {
		return nil, err
	}
	return d.connect(ctx, "tcp", netip.AddrPortFrom(a, port).String())
}

// lookup gives the addresses of a host, which may be a number.
func (d *Dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	found, err := d.resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", host, err)
	}
	return found[:min(len(found), mostAddresses)], nil
}

// decide tells whether a connection that was asked for by a host may go to a.
func (d *Dialer) decide(host string, a netip.Addr, port uint16) error {
	to := Real(a)
	if never(to) || never(a.Unmap()) {
		return fmt.Errorf("%w: %s", ErrRefused, a)
	}
	for _, r := range d.rules {
		if r.allows(host, to, port) {
			return nil
		}
	}
	if !Public(to) || d.isOwn(to) {
		return fmt.Errorf("%w: %s is %s; --allow-outgoing %s allows it", ErrRefused, host, a, net.JoinHostPort(host, strconv.Itoa(int(port))))
	}
	return nil
}

// isOwn tells whether an address is one of this machine's. Where they cannot be
// found out, every address may be.
func (d *Dialer) isOwn(a netip.Addr) bool {
	addresses, err := d.own()
	if err != nil {
		return true
	}
	for _, own := range addresses {
		if network, ok := own.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(network.IP); ok && ip.Unmap() == a {
				return true
			}
		}
	}
	return false
}

// splitTarget cuts HOST:PORT and gives the host as rules have it.
func splitTarget(address string) (string, uint16, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", 0, fmt.Errorf("%q is no port", text)
	}
	return strings.ToLower(strings.TrimSuffix(host, ".")), uint16(port), nil
}
