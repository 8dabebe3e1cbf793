package door

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/policy"
)

// crowd is strangers whose seconds end when the test says so.
type crowd struct {
	*strangers
	mu   sync.Mutex
	log  []audit.Record
	end  []func()
	fail error
}

func newCrowd() *crowd {
	c := &crowd{}
	c.strangers = &strangers{
		windows: map[string]*window{},
		after:   func(_ time.Duration, f func()) { c.end = append(c.end, f) },
		append: func(rec *audit.Record) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.fail == nil {
				c.log = append(c.log, *rec)
			}
			return c.fail
		},
	}
	return c
}

func (c *crowd) endSecond() {
	for _, f := range c.end {
		f()
	}
	c.end = nil
}

// calls is how many refusals the log tells of.
func (c *crowd) calls() (n int64) {
	for _, rec := range c.log {
		n += max(rec.Count, 1)
	}
	return n
}

func stranger(ip string) *Call {
	return &Call{Context: context.Background(), Principal: anonymous, Header: http.Header{}, SourceIP: ip}
}

// refuseMany has n calls refused at once, and returns how they ended. It
// returns when all of them are counted.
func (c *crowd) refuseMany(n int, ip string) chan error {
	ended := make(chan error, n)
	for range n {
		go func() { ended <- c.refuse(stranger(ip), &audit.Record{SourceIP: ip, Outcome: audit.Denied}) }()
	}
	for {
		c.strangers.mu.Lock()
		w := c.windows[source(stranger(ip))]
		counted := w != nil && w.written+int(last64(w)) == n
		c.strangers.mu.Unlock()
		if counted {
			return ended
		}
		time.Sleep(time.Millisecond)
	}
}

func last64(w *window) int64 {
	if w.last == nil {
		return 0
	}
	return w.last.Count
}

func TestStrangersAreCounted(t *testing.T) {
	c := newCrowd()
	few, many := c.refuseMany(strangerRecords, "192.0.2.1"), c.refuseMany(250, "192.0.2.2")
	for range strangerRecords {
		if err := errors.Join(<-few, <-many); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-many:
		t.Error("an answer leaves before its refusal is in the log")
	default:
	}
	c.endSecond()
	for range 250 - strangerRecords {
		if err := <-many; err != nil {
			t.Error(err)
		}
	}
	if len(c.log) != 2*strangerRecords+1 || c.calls() != strangerRecords+250 {
		t.Errorf("%d records of %d calls", len(c.log), c.calls())
	}
	if rec := c.log[len(c.log)-1]; rec.Count != 150 || rec.SourceIP != "192.0.2.2" || rec.Outcome != audit.Denied {
		t.Errorf("counted as %+v", rec)
	}
	if len(c.windows) != 0 {
		t.Error("a source is remembered for ever")
	}
	if err := <-c.refuseMany(1, "192.0.2.2"); err != nil || len(c.log) != 2*strangerRecords+2 {
		t.Errorf("in the next second: %v, %d records", err, len(c.log))
	}
}

// What cannot be counted in the log is not answered.
func TestStrangersWhenTheLogFails(t *testing.T) {
	c := newCrowd()
	ended := c.refuseMany(strangerRecords+1, "192.0.2.1")
	for range strangerRecords {
		<-ended
	}
	c.fail = errors.New("the disk is gone")
	c.endSecond()
	if err := <-ended; !errors.Is(err, c.fail) {
		t.Error(err)
	}
}

// A caller who hangs up is counted, and not waited for.
func TestStrangersWhoHangUp(t *testing.T) {
	c := newCrowd()
	for range strangerRecords {
		c.enter("192.0.2.1", &audit.Record{})
	}
	call := stranger("192.0.2.1")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	call.Context = ctx
	if err := c.refuse(call, &audit.Record{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	c.endSecond()
	if c.calls() != 1 {
		t.Errorf("%d are counted", c.calls())
	}
}

func TestSources(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "::ffff:192.0.2.1", "": "", "@": "@",
		"2001:db8::1": "2001:db8::/64", "2001:db8::2%eth0": "2001:db8::/64", "2001:db8:0:1::1": "2001:db8:0:1::/64",
	} {
		if got := source(stranger(ip)); got != want {
			t.Errorf("%s counts as %s, not %s", ip, got, want)
		}
	}
	cell := stranger("")
	cell.SourceCell = "arn"
	if got := source(cell); got != "arn" {
		t.Error(got)
	}
}

// Strangers can write little in a record. What is known of others is whole.
func TestAgentsOfStrangers(t *testing.T) {
	c := stranger("192.0.2.1")
	c.UserAgent = strings.Repeat("x", 2000)
	if n := len(record(c, awsapi.Errorf("X", "x")).UserAgent); n != strangerAgent {
		t.Errorf("a stranger writes %d bytes", n)
	}
	c.Principal = callers()["user"].Principal
	if n := len(record(c, awsapi.Errorf("X", "x")).UserAgent); n != 2000 {
		t.Errorf("of a known caller %d bytes are kept", n)
	}
}

// An identity provider may have any number of users: who is refused is bounded
// in the log like those whom nobody knows.
func TestUsersOfIssuersAreStrangers(t *testing.T) {
	c := stranger("192.0.2.1")
	c.Principal = &Principal{Principal: policy.Principal{Kind: policy.PrincipalFederated, Provider: "idp"}}
	if !c.isStranger() {
		t.Error("a user of an issuer is no stranger")
	}
	c.Header = nil
	if c.isStranger() {
		t.Error("a call from within is a stranger's")
	}
}
