package door_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloister/internal/audit"
	iam "cloister/internal/awsapi/iam"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

// Whoever signs wrongly with a key is held back, from where it does so, and the
// key's holder elsewhere is not.
func TestWrongSignaturesAreHeldBack(t *testing.T) {
	now := time.Now()
	counted := map[string]int{}
	s := newStage(t, func(_ *doortest.Harness, c *door.Config) {
		c.Now = func() time.Time { return now }
		c.Count = func(reason string) { counted[reason]++ }
	})
	u := s.User("u", allow("*"))
	key := s.Key(u, &iam.Service)
	send := func(source string, good bool) int {
		r := s.Sign(getUser(), key)
		if !good {
			text := r.Header.Get("Authorization")
			last := "0"
			if strings.HasSuffix(text, "0") {
				last = "1"
			}
			r.Header.Set("Authorization", text[:len(text)-1]+last)
		}
		r.RemoteAddr = source
		return s.Serve(r).Code
	}
	const attacker, holder = "192.0.2.1:5", "198.51.100.1:5"
	want := func(what string, got, status int) {
		t.Helper()
		if got != status {
			t.Errorf("%s: %d, want %d", what, got, status)
		}
	}
	for range 10 {
		want("a free guess", send(attacker, false), http.StatusForbidden)
	}
	want("too many", send(attacker, false), http.StatusBadRequest) // the status of throttling in IAM's protocol
	want("from there, a good one too", send(attacker, true), http.StatusBadRequest)
	want("the holder elsewhere", send(holder, true), http.StatusOK)
	want("the holder's own first mistake", send(holder, false), http.StatusForbidden)
	if rec := s.last(14); rec.Outcome != audit.Denied {
		t.Errorf("%+v", rec)
	}
	now = now.Add(time.Second)
	want("after a second", send(attacker, false), http.StatusForbidden)
	now = now.Add(time.Second)
	want("the pause doubles", send(attacker, false), http.StatusBadRequest)
	now = now.Add(time.Second)
	want("after two", send(attacker, true), http.StatusOK)
	want("who signed well starts anew", send(attacker, false), http.StatusForbidden)
	want("who signed well starts anew", send(attacker, false), http.StatusForbidden)
	for range 30 {
		want("loopback", send("127.0.0.1:5", false), http.StatusForbidden)
	}
	want("loopback", send("127.0.0.1:5", true), http.StatusOK)
	for i := range 10 {
		want("one network", send(fmt.Sprintf("[2001:db8::%x]:5", i), false), http.StatusForbidden)
	}
	want("one network", send("[2001:db8::ffff]:5", false), http.StatusBadRequest)
	want("another network", send("[2001:db8:0:1::1]:5", true), http.StatusOK)
	if counted["signature-guesses"] != 4 || counted["signature"] != 24 {
		t.Errorf("%v", counted)
	}
}

// So it is at a front.
func TestWrongSignaturesAtAFront(t *testing.T) {
	s := newStage(t)
	front(s, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"*"}]}`)
	key := s.Key(s.User("u", allow("*")), &platform.ExecuteAPI)
	for i := range 12 {
		r := s.Sign(httptest.NewRequest("GET", "http://a1.execute-api.localhost/x", nil), key)
		r.RemoteAddr = "192.0.2.1:5"
		r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), "Signature=", "Signature=0")[:len(r.Header.Get("Authorization"))])
		want := http.StatusForbidden
		if i >= 10 {
			want = http.StatusTooManyRequests
		}
		if got := enter(t, s, r, ""); got != want {
			t.Errorf("try %d: %d, want %d", i, got, want)
		}
	}
}
