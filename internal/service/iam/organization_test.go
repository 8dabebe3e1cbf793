package iam

import (
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/policy"
)

// The simulator counts the service control policies that bind a principal, and
// says so.
func TestSimulationCountsOrganizations(t *testing.T) {
	h := newHarness(t)
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: awsapi.Ptr("u")})
	do(h, h.root(), api.OpPutUserPolicy, &api.PutUserPolicyRequest{UserName: awsapi.Ptr("u"), PolicyName: awsapi.Ptr("p"), PolicyDocument: awsapi.Ptr(allowList)})
	level := func(text string) []policy.Named {
		p, err := policy.Parse(policy.KindOrganization, []byte(text))
		h.must(err)
		return []policy.Named{{Name: "organisation's", Policy: p}}
	}
	simulate := func() *api.EvaluationResult {
		return do(h, h.root(), api.OpSimulatePrincipalPolicy, &api.SimulatePrincipalPolicyRequest{
			PolicySourceArn: awsapi.Ptr("arn:aws:iam::123456789012:user/u"), ActionNames: []string{"iam:ListUsers"},
		}).EvaluationResults[0]
	}
	if r := simulate(); *r.EvalDecision != "allowed" || r.OrganizationsDecisionDetail != nil {
		t.Errorf("on its own: %+v", r)
	}
	for _, c := range []struct {
		text     string
		decision string
		allowed  bool
	}{
		{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, "allowed", true},
		{`{"Statement":{"Effect":"Allow","Action":"iam:Simulate*","Resource":"*"}}`, "implicitDeny", false},
		{`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"iam:List*","Resource":"*"}]}`, "explicitDeny", false},
	} {
		h.Accounts.Set(&door.Membership{Account: doortest.Account, Exists: true, Organization: "o-1", Management: "111111111111", Path: "o-1/r-1/", ServiceControl: [][]policy.Named{level(c.text)}})
		r := simulate()
		if *r.EvalDecision != c.decision || r.OrganizationsDecisionDetail == nil || *r.OrganizationsDecisionDetail.AllowedByOrganizations != c.allowed {
			t.Errorf("under %s: %s, %+v", c.text, *r.EvalDecision, r.OrganizationsDecisionDetail)
		}
	}
}
