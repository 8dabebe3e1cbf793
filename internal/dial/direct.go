package dial

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Direct connects by TCP or UDP to an address that somebody else has decided on,
// such as the rules of a network of AWS's kind. Private addresses pass; what means
// this machine, its link or nobody in particular does not, whatever was decided:
// the error wraps ErrRefused.
func Direct(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if network != "tcp" && network != "udp" {
		return nil, fmt.Errorf("%w: %s is neither TCP nor UDP", ErrRefused, network)
	}
	if err := checkDirect(to.Addr()); err != nil {
		return nil, err
	}
	connector := &net.Dialer{}
	connector.SetMultipathTCP(false)
	return connector.DialContext(ctx, network, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()).String())
}

func checkDirect(a netip.Addr) error {
	to := Real(a)
	_, guarded := guardOf(to)
	if never(to) || never(a.Unmap()) || to.IsLoopback() || guarded || a.Zone() != "" {
		return fmt.Errorf("%w: %s", ErrRefused, a)
	}
	if own, err := Own(to); own || err != nil {
		return fmt.Errorf("%w: %s is this machine's", ErrRefused, a)
	}
	return nil
}

// owns is what Own last saw.
var owns struct {
	mu    sync.Mutex
	until time.Time
	addrs map[netip.Addr]bool
}

// Own tells whether an address is one of this machine's. What it saw is good for
// a second: asking the kernel takes longer than many connections do.
func Own(a netip.Addr) (bool, error) {
	owns.mu.Lock()
	defer owns.mu.Unlock()
	if now := time.Now(); now.After(owns.until) {
		list, err := net.InterfaceAddrs()
		if err != nil {
			return true, fmt.Errorf("find this machine's addresses: %w", err)
		}
		owns.until, owns.addrs = now.Add(time.Second), addrsOf(list)
	}
	return owns.addrs[Real(a)], nil
}

func addrsOf(list []net.Addr) map[netip.Addr]bool {
	set := map[netip.Addr]bool{}
	for _, one := range list {
		if network, ok := one.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(network.IP); ok {
				set[ip.Unmap()] = true
			}
		}
	}
	return set
}
