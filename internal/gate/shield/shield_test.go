package shield

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"cloister/internal/awsapi"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
)

func admit(s *Shield, remote, kind, name string, header ...string) int {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = remote
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if s.Admit(w, r, kind, name) {
		return 200
	}
	return w.Code
}

func set(t *testing.T, db *store.DB, effect, text string) {
	t.Helper()
	of, err := ParseRange(text)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(context.Background(), func(tx *store.Tx) error {
		if effect == "" {
			return Remove(tx, of)
		}
		return Put(tx, Rule{Range: of, Deny: effect == "deny"})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhoMayCome(t *testing.T) {
	h := doortest.New(t, []*awsapi.Service{})
	s := New(h.DB, 0, NewCounts())
	want := func(step string, who map[string]int) {
		t.Helper()
		for remote, status := range who {
			if got := admit(s, remote, "", "", "X-Forwarded-For", "127.0.0.1", "Forwarded", "for=127.0.0.1"); got != status {
				t.Errorf("%s: %s gets %d, want %d", step, remote, got, status)
			}
		}
	}
	const bad, good, local, local6, mapped = "192.0.2.9:1", "198.51.100.1:1", "127.0.0.5:1", "[::1]:1", "[::ffff:192.0.2.9]:1"
	want("no rule", map[string]int{bad: 200, good: 200, local: 200, "nonsense": 403, "": 403})
	set(t, h.DB, "deny", "192.0.2.0/24")
	want("one is denied", map[string]int{bad: 403, mapped: 403, good: 200, local: 200})
	set(t, h.DB, "allow", "192.0.2.9")
	want("deny wins, and who is not allowed is out", map[string]int{bad: 403, good: 403, local: 200})
	set(t, h.DB, "", "192.0.2.0/24")
	want("one is allowed", map[string]int{bad: 200, "192.0.2.8:1": 403, good: 403})
	set(t, h.DB, "deny", "0.0.0.0/0")
	set(t, h.DB, "deny", "::/0")
	set(t, h.DB, "deny", "127.0.0.1")
	want("everyone is denied", map[string]int{bad: 403, good: 403, local: 200, "127.0.0.1:9": 200, local6: 200, "[::ffff:127.0.0.1]:1": 200, "[2001:db8::1]:1": 403})
}

func TestRanges(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "192.0.2.77/24": "192.0.2.0/24", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:DB8::1/32": "2001:db8::/32",
		"": "", "x": "", "1.2.3": "", "1.2.3.4/33": "", "01.2.3.4": "", "fe80::1%eth0": "", "::ffff:1.2.3.4/96": "", "1.2.3.4/24/8": "", "1.2.3.4-1.2.3.9": "",
	} {
		p, err := ParseRange(text)
		if got := p.String(); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestRulesAreBounded(t *testing.T) {
	h := doortest.New(t, []*awsapi.Service{})
	err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
		for i := range mostRules {
			if err := Put(tx, Rule{Range: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)}); err != nil {
				return err
			}
		}
		if err := Put(tx, Rule{Range: netip.MustParsePrefix("192.0.2.1/32")}); err != ErrTooMany {
			t.Errorf("one more: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is allowed is what the definition says, whatever the order.
func TestAllowsLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []Rule
		for range rapid.IntRange(0, 6).Draw(t, "rules") {
			a := netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 3).Draw(t, "b")), 0, 0})
			p, _ := a.Prefix(rapid.IntRange(8, 24).Draw(t, "bits"))
			all = append(all, Rule{Range: p, Deny: rapid.Bool().Draw(t, "deny")})
		}
		client := netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 3).Draw(t, "c")), 0, 1})
		denied, listed, hit := false, false, false
		for _, r := range all {
			switch {
			case r.Deny && r.Range.Contains(client):
				denied = true
			case !r.Deny:
				listed, hit = true, hit || r.Range.Contains(client)
			}
		}
		if got := allows(all, client); got != (!denied && (!listed || hit)) {
			t.Fatalf("%v: %v of %+v", got, client, all)
		}
	})
}

func limited(rate int) *Shield {
	s := &Shield{rate: float64(rate), counts: NewCounts(), now: time.Now}
	s.clients, s.routes = newSets()
	known := []Rule{}
	s.rules.known.Store(&known)
	return s
}

func passed(s *Shield, times int, remote, kind, name string) (n int) {
	for range times {
		if admit(s, remote, kind, name) == 200 {
			n++
		}
	}
	return n
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limited(100)
		if n := passed(s, 1000, "192.0.2.1:1", "", ""); n != 200 {
			t.Errorf("%d at once", n)
		}
		if n := passed(s, 10, "192.0.2.2:1", "", ""); n != 10 {
			t.Errorf("%d of another address", n)
		}
		time.Sleep(time.Second)
		if n := passed(s, 1000, "192.0.2.1:2", "", ""); n != 100 {
			t.Errorf("%d a second later", n)
		}
		if n := passed(s, 1000, "192.0.2.3:1", "execute-api", "a"); n != 100 {
			t.Errorf("%d to one API", n)
		}
		if n := passed(s, 1000, "192.0.2.4:1", "auth", "pool"); n != 10 {
			t.Errorf("%d to where people sign in", n)
		}
		n := 0
		for i := range 1000 {
			n += passed(s, 1, fmt.Sprintf("[2001:db8::%x]:1", i), "", "")
		}
		if n != 200 {
			t.Errorf("%d of one IPv6 network", n)
		}
		if n := passed(s, 10_000, "127.0.0.1:1", "auth", "pool"); n != 10_000 {
			t.Errorf("%d of loopback", n)
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "192.0.2.1:1"
		for s.Admit(httptest.NewRecorder(), r, "", "") {
		}
		s.Admit(w, r, "", "")
		if w.Code != http.StatusTooManyRequests || w.Body.String() != `{"message":"Too Many Requests"}` || w.Header().Get("Retry-After") == "" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	})
}

// Many addresses neither take memory without end nor get more than one client
// would once there is no room.
func TestManyAddresses(t *testing.T) {
	s := limited(100)
	still := time.Unix(1_800_000_000, 0)
	s.now = func() time.Time { return still }
	n := 0
	for i := range 2 * mostClients {
		a := netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)})
		if s.inTime(a, "execute-api", fmt.Sprint(i)) {
			n++
		}
	}
	if n > mostClients+200 {
		t.Errorf("%d of %d got in", n, 2*mostClients)
	}
	if got := s.clients.Len(); got > mostClients {
		t.Errorf("%d clients are remembered", got)
	}
}

// BenchmarkDecision is what a request from elsewhere costs: the rules, the
// client's limit and the route's.
func BenchmarkDecision(b *testing.B) {
	s := limited(1 << 30)
	client := netip.MustParseAddr("192.0.2.1")
	ctx := context.Background()
	for b.Loop() {
		if ok, err := s.rules.allow(ctx, client); !ok || err != nil || !s.inTime(client, "execute-api", "a1b2c3d4e5") {
			b.Fatal("refused")
		}
	}
}
