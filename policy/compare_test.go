package policy_test

import (
	"errors"
	"fmt"
	"strings"
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

// TestCompareIsBounded: policies made to be expensive are answered, or refused as
// too complex; without a bound each of these takes minutes or gigabytes.
func TestCompareIsBounded(t *testing.T) {
	statement := func(action, resource, condition string) string {
		return `{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"` + condition + `}`
	}
	var wide strings.Builder
	for i := range 5_000 {
		wide.WriteRune(rune(0x4e00 + i))
	}
	var stars, facts []string
	for i := range 300 {
		stars = append(stars, statement("*", fmt.Sprintf("arn:*%d*%d*", i, i+1), ""))
		facts = append(facts, statement(fmt.Sprintf("s3:*%d*", i), fmt.Sprintf("arn:*%d*", i), fmt.Sprintf(`,"Condition":{"StringEquals":{"a:k%d":"x"}}`, i%12)))
	}
	for name, tt := range map[string]struct {
		statements []string
		refused    bool
	}{
		"many letters": {[]string{statement("*", "arn:"+wide.String(), "")}, false},
		"a long chain": {[]string{statement("*", "arn:"+strings.Repeat("ab*", 20_000), "")}, false},
		"many stars":   {stars, true},
		"many facts":   {facts, true},
	} {
		p := mustParse(t, policy.KindIdentity, `{"Version":"2012-10-17","Statement":[`+strings.Join(tt.statements, ",")+`]}`)
		if c, err := policy.Compare(p, p); c.NewAccess || errors.Is(err, policy.ErrNotCompared) != tt.refused {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		p.Idle()
	}
}

// FuzzCompare: any two policies are compared without a panic, no policy gives more
// than itself, and what is new access is allowed by one and not by the other.
func FuzzCompare(f *testing.F) {
	f.Add(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}`, `{"Effect":"Allow","NotAction":"s3:G?t*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`)
	f.Add(`{"Effect":"Deny","Action":"*","NotResource":"arn:*"},{"Effect":"Allow","Action":"*","Resource":"*"}`, `{"Effect":"Allow","Action":"a:B","Resource":"arn:aws:s3:::${aws:username}"}`)
	f.Fuzz(func(t *testing.T, oldStatements, newStatements string) {
		existing, err := policy.Parse(policy.KindIdentity, []byte(`{"Version":"2012-10-17","Statement":[`+oldStatements+`]}`))
		if err != nil {
			return
		}
		updated, err := policy.Parse(policy.KindIdentity, []byte(`{"Version":"2012-10-17","Statement":[`+newStatements+`]}`))
		if err != nil {
			return
		}
		if c, _ := policy.Compare(updated, updated); c.NewAccess {
			t.Fatalf("%s gives more than itself: %+v", newStatements, c)
		}
		c, err := policy.Compare(existing, updated)
		if err != nil || !c.NewAccess || !c.Exact {
			return
		}
		req := &policy.Request{Principal: callers[2], Action: c.Action, Resource: c.Resource}
		if !allowed(updated, req) || allowed(existing, req) {
			t.Fatalf("%s on %s is no new access", c.Action, c.Resource)
		}
	})
}
