package shield

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"cloister/internal/gate/bucket"
	"cloister/internal/store"
)

// mostClients bounds how many clients are told apart at one time.
const mostClients = 50_000

// signInPart is how much less often than other things a client may ask for the
// pages where people sign in.
const signInPart = 20

// Shield decides on requests of the listener. It is safe for concurrent use.
type Shield struct {
	rate    float64
	rules   rules
	clients *bucket.Set[netip.Addr]
	routes  *bucket.Set[route]
	counts  *Counts
	now     func() time.Time
}

// route is what one client wants of one name.
type route struct {
	client     netip.Addr
	kind, name string
}

// New makes a shield that lets each client do so many requests a second on
// average, twice as many at once, and half of that to any one API, URL or
// domain. A rate of 0 is no limit.
func New(db *store.DB, rate int, counts *Counts) *Shield {
	s := &Shield{rate: float64(rate), counts: counts, now: time.Now}
	s.clients, s.routes = newSets()
	s.rules.db = db
	db.Subscribe(accessRules.Table(), func(store.Change) { s.rules.forget() })
	return s
}

func newSets() (*bucket.Set[netip.Addr], *bucket.Set[route]) {
	return bucket.NewSet[netip.Addr](mostClients), bucket.NewSet[route](mostClients)
}

// Admit implements gate.Watch.
func (s *Shield) Admit(w http.ResponseWriter, r *http.Request, kind, name string) bool {
	s.counts.request(kind)
	client, ok := clientOf(r.RemoteAddr)
	if !ok {
		s.refuse(w, http.StatusForbidden, "no-address")
		return false
	}
	if client.IsLoopback() {
		return true
	}
	allowed, err := s.rules.allow(r.Context(), client)
	switch {
	case err != nil:
		slog.Error("the list of addresses could not be read", "error", err)
		s.refuse(w, http.StatusServiceUnavailable, "no-list")
	case !allowed:
		s.refuse(w, http.StatusForbidden, "address")
	case !s.inTime(client, kind, name):
		w.Header().Set("Retry-After", "1")
		s.refuse(w, http.StatusTooManyRequests, "rate")
	default:
		return true
	}
	return false
}

// inTime says whether a client is within its limits.
func (s *Shield) inTime(client netip.Addr, kind, name string) bool {
	if s.rate == 0 {
		return true
	}
	client, now := network(client), s.now()
	if !s.clients.Take(client, limit(s.rate), now) {
		return false
	}
	switch kind {
	case "":
		return true
	case "auth", "cognito":
		return s.routes.Take(route{client, kind, name}, limit(s.rate/signInPart), now)
	}
	return s.routes.Take(route{client, kind, name}, limit(s.rate/2), now)
}

func limit(rate float64) bucket.Limit { return bucket.Limit{Rate: rate, Burst: max(1, int(2*rate))} }

// refusals are what API Gateway says.
var refusals = map[int]string{
	http.StatusForbidden:          `{"message":"Forbidden"}`,
	http.StatusTooManyRequests:    `{"message":"Too Many Requests"}`,
	http.StatusServiceUnavailable: `{"message":"Service Unavailable"}`,
}

// errorTypes are by what AWS's SDKs know that they may try again.
var errorTypes = map[int]string{
	http.StatusForbidden:          "ForbiddenException",
	http.StatusTooManyRequests:    "TooManyRequestsException",
	http.StatusServiceUnavailable: "ServiceUnavailable",
}

func (s *Shield) refuse(w http.ResponseWriter, status int, reason string) {
	s.counts.Refused(reason)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amzn-Errortype", errorTypes[status])
	h.Set("Connection", "close")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(refusals[status])) // whoever does not wait for it is refused all the same
}

// clientOf is the address of a connection.
func clientOf(remote string) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(remote)
	return at.Addr().Unmap().WithZone(""), err == nil
}

// network is what counts of an address: all of an IPv6 /64 is one customer's.
func network(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
