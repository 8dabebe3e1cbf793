package policy_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"cloister/policy"
)

// FuzzParse: Parse never panics, says the same twice, takes only JSON, and
// puts its errors within the text.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"testdata/syntax.txt", "testdata/evaluation.txt"} {
		for _, c := range readCases(f, file) {
			for _, s := range c.sections {
				if kind, ok := sectionKinds[s.words[0]]; ok {
					f.Add(uint8(kind), []byte(strings.TrimSuffix(s.body, "\n")))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, text []byte) {
		p, err := policy.Parse(policy.Kind(kind), text)
		again, errAgain := policy.Parse(policy.Kind(kind), text)
		if !reflect.DeepEqual(err, errAgain) || !reflect.DeepEqual(p, again) {
			t.Fatalf("two answers: %v, then %v", err, errAgain)
		}
		if err == nil {
			if !json.Valid(text) {
				t.Fatal("took what is not JSON")
			}
			if string(p.Text()) != string(text) || p.Kind() != policy.Kind(kind) {
				t.Fatal("the policy is not what was given")
			}
			return
		}
		var syntax *policy.SyntaxError
		if !errors.As(err, &syntax) || syntax.Reason == "" {
			t.Fatalf("%T: %v", err, err)
		}
		lines := strings.Split(string(text), "\n")
		if syntax.Line < 1 || syntax.Line > len(lines) || syntax.Column < 1 || syntax.Column > len(lines[syntax.Line-1])+1 {
			t.Fatalf("%v is not a place in the text", err)
		}
	})
}

// FuzzEvaluate: for policies and a request of any text, Evaluate and Explain
// do not panic and agree, and a policy that denies everything always wins.
func FuzzEvaluate(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:G*","Resource":"arn:aws:s3:::b/${aws:username}/?*"}}`,
		`{"Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}`,
		"arn:aws:iam::123456789012:user/u", "123456789012", "s3:GetObject", "arn:aws:s3:::b/u/x", "aws:sourceip", "10.0.0.1", uint8(2))
	f.Add(document(`{"Effect":"Deny","NotAction":"a:B","NotResource":"arn:aws:s3:::${t:k, 'x'}","Condition":`+everyOperator+`}`),
		document(`{"Effect":"Allow","NotPrincipal":{"AWS":"AIDAAAAAAAAAAAAAAAAA","Service":"a.b"},"NotAction":"c:*d?","NotResource":"arn:*"}`),
		"", "", "c:ed", "é*", "t:s", "\xff", uint8(9))
	deny := named(f, policy.KindIdentity, "deny", document(`{"Effect":"Deny","Action":"*","Resource":"*"}`))
	f.Fuzz(func(t *testing.T, identity, resource, arn, account, action, res, key, value string, kind uint8) {
		ps := &policy.Policies{}
		if p, err := policy.Parse(policy.KindIdentity, []byte(identity)); err == nil {
			ps.Identity = []policy.Named{{Name: "identity", Policy: p}, {Name: "without a policy"}}
		}
		if p, err := policy.Parse(policy.KindResource, []byte(resource)); err == nil {
			ps.Resource = &policy.Named{Name: "resource", Policy: p}
		}
		req := &policy.Request{
			Principal: policy.Principal{Kind: policy.PrincipalKind(kind), ARN: arn, Account: account, UserID: value},
			Action:    action, Resource: res, Context: policy.MapContext{key: {value}, "aws:username": {value, value}},
		}
		d := policy.Evaluate(ps, req)
		if e := policy.Explain(ps, req); e.Allowed != d.Allowed || e.Reason != d.Reason.String() {
			t.Fatalf("Explain says %v, Evaluate %v", e.Reason, d.Reason)
		}
		if (d.Message(req) == "") != d.Allowed {
			t.Fatalf("message %q of a decision that allows: %v", d.Message(req), d.Allowed)
		}
		ps.Identity = append(ps.Identity, deny)
		if d := policy.Evaluate(ps, req); d.Allowed || !d.Reason.Explicit() {
			t.Fatalf("%v in spite of an explicit deny of everything", d.Reason)
		}
	})
}
