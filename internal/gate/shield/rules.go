package shield

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"cloister/internal/store"
)

// Rule lets the addresses of a range in, or keeps them out. Who is denied is kept
// out in any case; where there are rules that allow, all others are kept out, too.
type Rule struct {
	Range   netip.Prefix
	Deny    bool
	Changed time.Time
	By      string // the ARN of who made it
}

// mostRules bounds what is walked for each request.
const mostRules = 1000

var accessRules = store.Define[Rule]("gate.access") // range

// Errors of what may not be a rule.
var (
	ErrRange   = errors.New("not a range of addresses, such as 192.0.2.0/24, or an address")
	ErrTooMany = fmt.Errorf("there are %d rules already", mostRules)
)

// ParseRange reads CIDR or a single address. IPv4 addresses in IPv6's form mean
// the IPv4 ones.
func ParseRange(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return p, ErrRange
	}
	return p.Masked(), nil
}

// Put adds a rule, in the place of one for the same range.
func Put(tx *store.Tx, rule Rule) error {
	all, err := Rules(tx)
	if err != nil {
		return err
	}
	if len(all) >= mostRules {
		return ErrTooMany
	}
	return accessRules.Put(tx, store.K(rule.Range.String()), &rule)
}

// Remove takes a rule away; store.ErrNotFound if there is none for the range.
func Remove(tx *store.Tx, of netip.Prefix) error {
	if _, err := accessRules.Get(tx, store.K(of.String())); err != nil {
		return err
	}
	return accessRules.Delete(tx, store.K(of.String()))
}

// Rules gives all rules.
func Rules(r store.Reader) ([]Rule, error) {
	var all []Rule
	for item, err := range accessRules.Scan(r, nil, nil) {
		if err != nil {
			return nil, err
		}
		all = append(all, *item.Value)
	}
	return all, nil
}

// rules remembers the rules until they change.
type rules struct {
	db    *store.DB
	known atomic.Pointer[[]Rule]

	mu         sync.Mutex
	generation int
}

// forget is called before a change is acknowledged.
func (r *rules) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.generation++
	r.known.Store(nil)
}

func (r *rules) allow(ctx context.Context, client netip.Addr) (bool, error) {
	known := r.known.Load()
	if known == nil {
		read, err := r.read(ctx)
		if err != nil {
			return false, err
		}
		known = &read
	}
	return allows(*known, client), nil
}

// read keeps what it read unless it may have changed meanwhile.
func (r *rules) read(ctx context.Context) (all []Rule, err error) {
	r.mu.Lock()
	before := r.generation
	r.mu.Unlock()
	err = r.db.View(ctx, func(from store.Reader) error {
		all, err = Rules(from)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.generation == before {
		r.known.Store(&all)
	}
	return all, nil
}

func allows(all []Rule, client netip.Addr) bool {
	closed, allowed := false, false
	for i := range all {
		in := all[i].Range.Contains(client)
		if all[i].Deny && in {
			return false
		}
		closed = closed || !all[i].Deny
		allowed = allowed || !all[i].Deny && in
	}
	return allowed || !closed
}
