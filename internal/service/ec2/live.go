package ec2

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"cloister/internal/netpolicy"
	"cloister/internal/store"
)

// Place is where an interface is, which decides on its flows.
type Place struct {
	Account, Region string
	Subnet          string
	Groups          []string
}

// Live is the policy of a place as it is now. It is safe for concurrent use.
type Live struct {
	s     *Service
	place Place
	own   netpolicy.Set
	kept  atomic.Pointer[compiled]
}

type compiled struct {
	generation uint64
	policy     *netpolicy.Policy
}

// Live follows what decides on the flows of a place; own are the machine's
// addresses.
func (s *Service) Live(p Place, own netpolicy.Set) *Live { return &Live{s: s, place: p, own: own} }

// Policy is the policy of all changes that were acknowledged before it is called.
// While it cannot be read it denies everything.
func (l *Live) Policy(ctx context.Context) (*netpolicy.Policy, error) {
	now := l.s.generation.Load()
	if kept := l.kept.Load(); kept != nil && kept.generation == now {
		return kept.policy, nil
	}
	var p *netpolicy.Policy
	err := l.s.db.View(ctx, func(r store.Reader) (err error) {
		p, err = compile(r, l.place, l.own)
		return err
	})
	if err != nil {
		return netpolicy.Closed(), err
	}
	l.kept.Store(&compiled{now, p})
	return p, nil
}

// OnChange has fn called after every change that can concern a flow, before the
// change is acknowledged. It is quick, and called from many goroutines.
func (s *Service) OnChange(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, fn)
}

func (s *Service) changed() {
	s.generation.Add(1)
	s.mu.Lock()
	watchers := s.watchers
	s.mu.Unlock()
	for _, fn := range watchers {
		fn()
	}
}

// compile puts together what decides on the flows of a place. What is gone allows
// nothing.
func compile(r store.Reader, at Place, own netpolicy.Set) (*netpolicy.Policy, error) {
	n, err := subnets.rows.Get(r, store.K(at.Account, at.Region, at.Subnet))
	if errors.Is(err, store.ErrNotFound) {
		return netpolicy.Closed(), nil
	}
	if err != nil {
		return nil, err
	}
	p := &netpolicy.Policy{Own: own}
	for _, part := range []func(store.Reader, *netpolicy.Policy, *subnet, Place) error{compileRules, compileACL, compileRoutes} {
		if err := part(r, p, n, at); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func compileRules(r store.Reader, p *netpolicy.Policy, n *subnet, at Place) error {
	members, err := ifaces.within(r, at.Account, at.Region, n.VPC)
	if err != nil {
		return err
	}
	for _, id := range at.Groups {
		g, err := groups.rows.Get(r, store.K(at.Account, at.Region, id))
		if errors.Is(err, store.ErrNotFound) || err == nil && g.VPC != n.VPC {
			continue
		}
		if err != nil {
			return err
		}
		for _, x := range g.Rules {
			peers, err := x.peers(r, at, members)
			if err != nil {
				return err
			}
			p.Rules = append(p.Rules, x.compile(peers))
		}
	}
	return nil
}

// peers are the addresses that a rule speaks of.
func (x rule) peers(r store.Reader, at Place, members []*iface) (all []netip.Prefix, err error) {
	switch {
	case x.CIDR != "":
		p, err := netip.ParsePrefix(x.CIDR)
		return []netip.Prefix{p}, err
	case x.PrefixList != "":
		return listed(r, at, x.PrefixList)
	}
	for _, e := range members {
		if slices.Contains(e.Groups, x.Group) {
			a, err := netip.ParseAddr(e.IP)
			if err != nil {
				return nil, err
			}
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return all, nil
}

// listed are the addresses of a prefix list, none if it is gone.
func listed(r store.Reader, at Place, id string) (all []netip.Prefix, err error) {
	list, err := prefixLists.rows.Get(r, store.K(at.Account, at.Region, id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range list.entries() {
		p, err := netip.ParsePrefix(e.CIDR)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (x rule) compile(peers []netip.Prefix) netpolicy.Rule {
	_, protocol, err := protocolOf(x.Protocol)
	out := netpolicy.Rule{ID: x.ID, Ingress: !x.Egress, Protocol: protocol, From: int(x.From), To: int(x.To), Peers: netpolicy.NewSet(peers...), Broken: err != nil}
	names, err := netpolicy.NamesIn(x.Description)
	out.Broken = out.Broken || err != nil
	for _, t := range dnsTags(x.Tags) {
		more, err := netpolicy.ParseNames(t.Value)
		out.Broken = out.Broken || err != nil || t.Key != netpolicy.DNSTag
		names = append(names, more...)
	}
	out.Names = names
	return out
}

func compileACL(r store.Reader, p *netpolicy.Policy, n *subnet, at Place) error {
	l, err := acls.rows.Get(r, store.K(at.Account, at.Region, n.ACL))
	if err != nil {
		return fmt.Errorf("network ACL %s of subnet %s: %w", n.ACL, n.ID, err)
	}
	p.ACLID = l.ID
	for _, e := range l.ordered() {
		if e.Number == lastEntry {
			continue // what no entry speaks of is denied
		}
		_, protocol, err := protocolOf(e.Protocol)
		if err != nil {
			return err
		}
		peers, err := netip.ParsePrefix(e.CIDR)
		if err != nil {
			return err
		}
		p.ACL = append(p.ACL, netpolicy.Entry{ID: l.ID + "/" + strconv.FormatInt(e.Number, 10), Egress: e.Egress, Allow: e.Allow,
			Protocol: protocol, From: int(e.From), To: int(e.To), Peers: peers})
	}
	return nil
}

func compileRoutes(r store.Reader, p *netpolicy.Policy, n *subnet, at Place) error {
	t, err := tableOf(r, n)
	if err != nil || t == nil {
		return err
	}
	p.RouteTable = t.ID
	for _, x := range t.Routes {
		var to []netip.Prefix
		if strings.HasPrefix(x.To, "pl-") {
			if to, err = listed(r, at, x.To); err != nil {
				return err
			}
		} else {
			one, err := netip.ParsePrefix(x.To)
			if err != nil {
				return err
			}
			to = append(to, one)
		}
		target, err := x.target(r, t)
		if err != nil {
			return err
		}
		for _, one := range to {
			p.Routes = append(p.Routes, netpolicy.Route{To: one, Target: target})
		}
	}
	netpolicy.SortRoutes(p.Routes)
	return nil
}

func (x route) target(r store.Reader, t *routeTable) (netpolicy.Target, error) {
	there, err := x.leads(r, t)
	if err != nil || !there {
		return netpolicy.Blackhole, err
	}
	kind, _, _ := strings.Cut(x.Target, "-")
	target, ok := map[string]netpolicy.Target{"local": netpolicy.Local, "igw": netpolicy.Internet, "nat": netpolicy.NAT, "eigw": netpolicy.EgressOnly}[kind]
	if !ok {
		target = netpolicy.Elsewhere
	}
	return target, nil
}

// tableOf is the route table of a subnet: its own, or the VPC's main one.
func tableOf(r store.Reader, n *subnet) (found *routeTable, err error) {
	within, err := routeTables.within(r, n.Account, n.Region, n.VPC)
	for _, t := range within {
		if slices.ContainsFunc(t.Assocs, func(a association) bool { return a.Subnet == n.ID }) {
			return t, err
		}
		if t.main() {
			found = t
		}
	}
	return found, err
}
