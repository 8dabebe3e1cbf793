package door

import (
	"net/netip"
	"sync"
	"time"

	"cloister/internal/audit"
	"cloister/policy"
)

const (
	// strangerRecords is how many records the refusals of one source get in a
	// second.
	strangerRecords = 100
	// strangerAgent bounds what an unauthenticated caller says of itself.
	strangerAgent = 256
)

// strangers bounds what callers whom nobody knows can write to the audit log.
// The first refusals of a source in a second get a record each; the others
// share one, which says how many they are and is written when the second is
// over. Their answers wait for it, so that a refusal is in the audit log before
// its answer leaves here as well. Safe for concurrent use.
type strangers struct {
	append func(*audit.Record) error
	after  func(time.Duration, func()) // calls the function that much later

	mu      sync.Mutex
	windows map[string]*window // by source, for a second each
}

// window is one second of one source.
type window struct {
	written int
	last    *audit.Record // stands for the others, nil while there are none
	done    chan struct{} // closed when it is in the log, or err is set
	err     error
}

func newStrangers(log *audit.Log) *strangers {
	return &strangers{
		append:  log.Append,
		after:   func(d time.Duration, f func()) { time.AfterFunc(d, f) },
		windows: map[string]*window{},
	}
}

// refuse puts the refusal of c in the log. When c ends before that its answer
// reaches nobody, and it is not waited for.
func (s *strangers) refuse(c *Call, rec *audit.Record) error {
	shared := s.enter(source(c), rec)
	if shared == nil {
		return s.append(rec)
	}
	select {
	case <-shared.done:
		return shared.err
	case <-c.Done():
		return c.Err()
	}
}

// enter counts a refusal. It returns the window whose record stands for it, nil
// when it gets one of its own.
func (s *strangers) enter(source string, rec *audit.Record) *window {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.windows[source]
	if w == nil {
		w = &window{done: make(chan struct{})}
		s.windows[source] = w
		s.after(time.Second, func() { s.close(source) })
	}
	if w.written < strangerRecords {
		w.written++
		return nil
	}
	w.count(rec)
	return w
}

// count makes rec the one that stands for all that were counted.
func (w *window) count(rec *audit.Record) {
	rec.Count = 1
	if w.last != nil {
		rec.Count += w.last.Count
	}
	w.last = rec
}

// close ends the second of a source.
func (s *strangers) close(source string) {
	s.mu.Lock()
	w := s.windows[source]
	delete(s.windows, source)
	s.mu.Unlock()
	if w.last != nil {
		w.err = s.append(w.last)
	}
	close(w.done)
}

// source is whom a refusal is counted for: a cell's function, or an address. Of
// an IPv6 address only the network counts, all of which is one customer's.
func source(c *Call) string {
	if c.SourceCell != "" {
		return c.SourceCell
	}
	ip, err := netip.ParseAddr(c.SourceIP)
	if err != nil || ip.Unmap().Is4() {
		return c.SourceIP
	}
	network, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return c.SourceIP
	}
	return network.String()
}

// isStranger says whether a call came from the wire and its caller is not known
// here: nobody is, or some identity provider's user, of whom there may be any
// number.
func (c *Call) isStranger() bool {
	kind := c.Principal.Kind
	return c.Header != nil && (kind == policy.PrincipalAnonymous || kind == policy.PrincipalFederated)
}
