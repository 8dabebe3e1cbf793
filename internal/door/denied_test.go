package door_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	iam "cloister/internal/awsapi/iam"
	sts "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/policy"
)

// TestDenialsKeepTheirContext: the record of a denial has the keys that
// conditions saw, and none that may be secret or that it has anyway; that of an
// allowed call has none.
func TestDenialsKeepTheirContext(t *testing.T) {
	s := newStage(t)
	u := s.User("u")
	s.needs = func(*door.Call) []door.Need {
		return []door.Need{{Action: "iam:GetUser", Resource: resource, Context: policy.MapContext{"aws:resourcetag/team": {"red"}}}}
	}
	answered(t, s.as(u, &iam.Service, getUser()), http.StatusForbidden)
	rec := s.last(1)
	keys := rec.Needs[0].Context
	for key, want := range map[string]string{
		"aws:principalarn": "arn:aws:iam::123456789012:user/u", "aws:resourcetag/team": "red", "aws:resourceaccount": "123456789012",
	} {
		if got := keys[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for _, key := range []string{"aws:referer", "aws:useragent", "aws:sourceip", "aws:currenttime"} {
		if _, ok := keys[key]; ok {
			t.Errorf("%s is kept", key)
		}
	}
	answered(t, s.as(s.User("v", allow("*")), &iam.Service, getUser()), http.StatusOK)
	if rec := s.last(2); rec.Needs[0].Context != nil {
		t.Errorf("an allowed call keeps %v", rec.Needs[0].Context)
	}
}

// The reason of a denial is given, encoded, to callers of the account that the
// resource is of, and to nobody for whom it is another's to know.
func TestWhoGetsTheReason(t *testing.T) {
	s := newStage(t)
	u := s.User("u")
	for what, c := range map[string]struct {
		account string
		given   bool
	}{
		"its own account's resource": {"", true},
		"the same, by name":          {doortest.Account, true},
		"another account's resource": {"999999999999", false},
	} {
		s.needs = func(*door.Call) []door.Need {
			return []door.Need{{Action: "iam:GetUser", Resource: resource, Account: c.account, Context: policy.MapContext{}}}
		}
		w := s.as(u, &iam.Service, getUser())
		answered(t, w, http.StatusForbidden)
		if got := w.Header().Get(door.MessageHeader) != ""; got != c.given {
			t.Errorf("%s: a reason is given is %v", what, got)
		}
	}
	s.needs = func(*door.Call) []door.Need { return nil }
	for what, w := range map[string]*httptest.ResponseRecorder{
		"no permission": s.as(u, &iam.Service, getUser()), "nobody": s.Serve(getUser()), "an allowed call": s.as(u, &sts.Service, getCallerIdentity()),
	} {
		if got := w.Header().Get(door.MessageHeader); got != "" {
			t.Errorf("%s gives a reason", what)
		}
	}
}
