package policy_test

import (
	"errors"
	"testing"

	"cloister/policy"

	"pgregory.net/rapid"
)

func allowed(p *policy.Policy, req *policy.Request) bool {
	return policy.Evaluate(&policy.Policies{Identity: []policy.Named{{Policy: p}}}, req).Allowed
}

func mustParse(t rapid.TB, kind policy.Kind, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(kind, []byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return p
}

func TestCompareAgreesWithEvaluation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		oldText, newText := drawPolicy(t, policy.KindIdentity), drawPolicy(t, policy.KindIdentity)
		existing, updated := mustParse(t, policy.KindIdentity, oldText), mustParse(t, policy.KindIdentity, newText)
		c, err := policy.Compare(existing, updated)
		if errors.Is(err, policy.ErrNotCompared) {
			t.Skip("Compare says that it does not decide this")
		}
		if err != nil {
			t.Fatal(err)
		}
		req := drawRequest(t, false)
		req.Principal, req.ResourceAccount = callers[2], ours
		req.ResourcePolicyRequired = false
		if !c.NewAccess && allowed(updated, req) && !allowed(existing, req) {
			t.Fatalf("no new access was found, but %s on %s is new\n%s\n%s", req.Action, req.Resource, oldText, newText)
		}
		if c.NewAccess && c.Exact {
			req.Action, req.Resource = c.Action, c.Resource
			if !allowed(updated, req) || allowed(existing, req) {
				t.Fatalf("%s on %s is no new access\n%s\n%s", c.Action, c.Resource, oldText, newText)
			}
		}
	})
}

func TestNoPolicyGivesMoreThanItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawPolicy(t, policy.KindIdentity)
		p := mustParse(t, policy.KindIdentity, text)
		c, err := policy.Compare(p, p)
		if c.NewAccess || err != nil && !errors.Is(err, policy.ErrNotCompared) {
			t.Fatalf("%+v, %v: %s", c, err, text)
		}
	})
}

func TestCompare(t *testing.T) {
	const (
		get    = `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`
		secure = `{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`
		all    = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
		noPut  = `{"Effect":"Deny","Action":"s3:PutObject","Resource":"*"}`
	)
	for name, tt := range map[string]struct {
		existing, updated string
		newAccess, exact  bool
	}{
		"the same in other words":   {get, `{"Effect":"Allow","Action":"S3:getobject","Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b/x"]}`, false, false},
		"narrower":                  {all, get, false, false},
		"wider":                     {get, all, true, true},
		"split over statements":     {`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"},{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::c/*"}`, `{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::c/*","arn:aws:s3:::b/*"]}`, false, false},
		"a condition added":         {all, secure, false, false},
		"a condition taken away":    {secure, all, true, false},
		"a deny taken away":         {all + "," + noPut, all, true, true},
		"a deny added":              {all, all + "," + noPut, false, false},
		"everything but, and that":  {`{"Effect":"Allow","NotAction":"s3:*","Resource":"*"},` + all, `{"Effect":"Allow","Action":"*","Resource":"*"}`, false, false},
		"everything but is smaller": {`{"Effect":"Allow","NotAction":"s3:Put*","Resource":"*"}`, `{"Effect":"Allow","NotAction":"s3:PutObject","Resource":"*"}`, true, true},
	} {
		parse := func(statements string) *policy.Policy {
			return mustParse(t, policy.KindIdentity, `{"Version":"2012-10-17","Statement":[`+statements+`]}`)
		}
		c, err := policy.Compare(parse(tt.existing), parse(tt.updated))
		if err != nil || c.NewAccess != tt.newAccess || c.Exact != tt.exact {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}
