package guardrail

import (
	"errors"
	"testing"

	"cloister/policy"
)

// A condition on the account's own organisation restricts nobody in it, however
// it is written; one on another does.
func TestOwnOrganizationIsNoLimit(t *testing.T) {
	g := New(services...).Within(func(of string) (id, path string, err error) {
		if of != account {
			return "", "", errors.New("asked about another account")
		}
		return "o-mine", "o-mine/r-1/ou-1/", nil
	})
	for condition, want := range map[string]bool{
		`{"StringEquals":{"aws:PrincipalOrgID":"o-mine"}}`:                             true,
		`{"StringEquals":{"aws:ResourceOrgID":"${aws:PrincipalOrgID}"}}`:               true,
		`{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-mine/*"}}`:              true,
		`{"ForAnyValue:StringLike":{"aws:ResourceOrgPaths":["o-x/*","o-mine/r-1/*"]}}`: true,
		`{"StringNotEquals":{"aws:PrincipalOrgID":"o-other"}}`:                         true,
		`{"StringEquals":{"aws:PrincipalOrgID":"o-other"}}`:                            false,
		`{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-mine/r-1/ou-2/*"}}`:     false,
	} {
		p := parse(t, policy.KindIdentity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+condition+`}}`)
		if by, yes, err := g.everythingAtHome(&alice, "", p); yes != want || err != nil {
			t.Errorf("%s: %t (%s, %v)", condition, yes, by, err)
		}
	}
	limited := parse(t, policy.KindIdentity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}`)
	broken := New(services...).Within(func(string) (string, string, error) { return "", "", errors.New("the disk is gone") })
	if _, _, err := broken.everythingAtHome(&alice, "", limited); err == nil {
		t.Error("what cannot be read is taken for no organisation")
	}
}
