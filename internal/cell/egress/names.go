package egress

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// How much and how long a cell's names are remembered. Programs use what they
// resolved for a while longer than its TTL says.
const (
	mostAddrs     = 4096
	mostPerAddr   = 16
	shortestNames = time.Minute
	longestNames  = time.Hour
)

// names remembers which name led to an address. Its methods may be called from
// many goroutines.
type names struct {
	mu sync.Mutex
	of map[netip.Addr][]named // the last one first
}

type named struct {
	name  string
	until time.Time
}

// add notes what was answered.
func (n *names) add(name string, addrs []netip.Addr, ttl time.Duration) {
	now := time.Now()
	until := now.Add(min(max(ttl, shortestNames), longestNames))
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil {
		n.of = map[netip.Addr][]named{}
	}
	for _, a := range addrs {
		if _, known := n.of[a]; !known && len(n.of) >= mostAddrs {
			n.makeRoom(now)
		}
		list := slices.DeleteFunc(n.of[a], func(e named) bool { return e.name == name || !now.Before(e.until) })
		list = slices.Insert(list, 0, named{name, until})
		n.of[a] = list[:min(len(list), mostPerAddr)]
	}
}

// makeRoom drops what has expired; if nothing has, anything.
func (n *names) makeRoom(now time.Time) {
	for a, list := range n.of {
		if !slices.ContainsFunc(list, func(e named) bool { return now.Before(e.until) }) {
			delete(n.of, a)
		}
	}
	for a := range n.of {
		if len(n.of) < mostAddrs {
			return
		}
		delete(n.of, a)
	}
}

// get lists the names that led to an address and have not expired.
func (n *names) get(a netip.Addr) []string {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []string
	for _, e := range n.of[a] {
		if now.Before(e.until) {
			list = append(list, e.name)
		}
	}
	return list
}
