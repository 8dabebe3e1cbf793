package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Connect connects to exactly this address by "tcp" or "udp", for whom another
// has chosen it: no name is looked up. The error wraps ErrRefused if the address
// does not pass, or the system's error.
func (d *Dialer) Connect(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if network != "tcp" && network != "udp" {
		return nil, fmt.Errorf("%w: %s is neither TCP nor UDP", ErrRefused, network)
	}
	if err := d.decide(to.Addr().String(), to.Addr(), to.Port()); err != nil {
		return nil, err
	}
	return d.connect(ctx, network, to.String())
}

// Addresses looks up the addresses of a name, none if it has none or does not
// exist. It connects to none of them.
func (d *Dialer) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	found, err := d.resolve(ctx, host)
	var missing *net.DNSError
	if errors.As(err, &missing) && missing.IsNotFound {
		return nil, nil
	}
	return found, err
}

// Own are this machine's addresses.
func (d *Dialer) Own() ([]netip.Prefix, error) {
	addresses, err := d.own()
	if err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for _, own := range addresses {
		if network, ok := own.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(network.IP); ok {
				all = append(all, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
			}
		}
	}
	return all, nil
}
