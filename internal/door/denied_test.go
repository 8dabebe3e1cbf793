package door_test

import (
	"net/http"
	"testing"

	iam "cloister/internal/awsapi/iam"
	"cloister/internal/door"
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
