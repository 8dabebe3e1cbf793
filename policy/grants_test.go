package policy_test

import (
	"strings"
	"testing"

	"cloister/policy"
)

// Grants can only allow: neither do they take a denial upon themselves, nor
// does a policy of another kind count as one.
func TestGrantsAllowAndNoMore(t *testing.T) {
	deny := named(t, policy.KindResource, "denies", document(`{"Effect":"Deny","Principal":"*","Action":"a:B","Resource":"*"}`))
	grant := named(t, policy.KindResource, "grant", document(`{"Effect":"Allow","Principal":"*","Action":"a:B","Resource":"*"}`))
	misplaced := named(t, policy.KindIdentity, "misplaced", document(`{"Effect":"Allow","Action":"a:B","Resource":"*"}`))
	req := &policy.Request{
		Principal: policy.Principal{Kind: policy.PrincipalUser, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/u"},
		Action:    "a:B", Resource: "*",
	}
	d := policy.Evaluate(&policy.Policies{Resource: &deny, Grants: []policy.Named{grant}}, req)
	if d.Reason != policy.ExplicitDenyResource || d.Policy.Name != "denies" {
		t.Errorf("%s by %v", d.Reason, d.Policy)
	}
	if d := policy.Evaluate(&policy.Policies{Grants: []policy.Named{misplaced}}, req); d.Allowed {
		t.Errorf("an identity policy is a grant: %s", d.Reason)
	}
	if d := policy.Evaluate(&policy.Policies{Grants: []policy.Named{grant}}, req); d.Reason != policy.AllowedByResource || d.Policy.Name != "grant" {
		t.Errorf("%s by %v", d.Reason, d.Policy)
	}
}

// Policies of the older version have no variables: an ARN cannot be one.
func TestOldVersionHasNoVariableARN(t *testing.T) {
	text := document(`{"Effect":"Allow","Action":"a:B","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"${username}"}}}`)
	if _, err := policy.Parse(policy.KindIdentity, []byte(text)); err != nil {
		t.Error(err)
	}
	if _, err := policy.Parse(policy.KindIdentity, []byte(strings.Replace(text, "2012-10-17", "2008-10-17", 1))); err == nil {
		t.Error("a variable is an ARN in a policy that has none")
	}
}
