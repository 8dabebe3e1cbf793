package policy_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"cloister/policy"
)

// TestExplain compares an explanation with testdata/explain.json: a user whose
// request no identity policy allows, because of an address and a resource,
// though the boundary and the organisation would.
func TestExplain(t *testing.T) {
	home := named(t, policy.KindIdentity, "arn:aws:iam::123456789012:policy/home", `{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "FromHome", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*",
     "Condition": {
       "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.0.2.1"]},
       "StringEquals": {"aws:PrincipalTag/Team": "red"}
     }},
    {"Sid": "Elsewhere", "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::other/*"},
    {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}
  ]
}`)
	bucket := named(t, policy.KindResource, "bucket", document(
		`{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"*"}`,
		`{"Effect":"Deny","Principal":{"AWS":"999999999999"},"Action":"s3:*","Resource":"*"}`))
	all := named(t, policy.KindOrganization, "FullAWSAccess", document(`{"Effect":"Allow","Action":"*","Resource":"*"}`))
	e := policy.Explain(&policy.Policies{
		Identity: []policy.Named{home}, Resource: &bucket, Boundary: &all, Organization: [][]policy.Named{{all}},
	}, &policy.Request{
		Principal: policy.Principal{Kind: policy.PrincipalUser, ARN: "arn:aws:iam::123456789012:user/u", Account: "123456789012"},
		Action:    "s3:GetObject", Resource: "arn:aws:s3:::bucket/key",
		Context: policy.MapContext{"aws:sourceip": {"198.51.100.7"}},
	})
	got, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/explain.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("got\n%s", got)
	}
}

// TestExplainNamesTheFirstElementThatFails in the order Action, Resource,
// Principal, Condition.
func TestExplainNamesTheFirstElementThatFails(t *testing.T) {
	for failed, s := range map[string]string{
		"Action":    `"Action":"a:C","Resource":"arn:x","Principal":{"AWS":"999999999999"},"Condition":{"Null":{"a:b":"false"}}`,
		"Resource":  `"Action":"a:B","Resource":"arn:x","Principal":{"AWS":"999999999999"},"Condition":{"Null":{"a:b":"false"}}`,
		"Principal": `"Action":"a:B","Resource":"*","Principal":{"AWS":"999999999999"},"Condition":{"Null":{"a:b":"false"}}`,
		"Condition": `"Action":"a:B","Resource":"*","Principal":"*","Condition":{"Null":{"a:b":"false"}}`,
		"":          `"Action":"a:B","Resource":"*","Principal":"*","Condition":{"Null":{"a:b":"true"}}`,
	} {
		resource := named(t, policy.KindResource, "r", document(`{"Effect":"Allow",`+s+`}`))
		e := policy.Explain(&policy.Policies{Resource: &resource}, &policy.Request{Action: "a:B", Resource: "*"})
		st := e.Steps[0].Policies[0].Statements[0]
		if st.Failed != failed || st.Applies != (failed == "") {
			t.Errorf("failed %q, applies %v; want %q", st.Failed, st.Applies, failed)
		}
		if tells := len(st.Conditions) > 0; tells != (failed == "Condition" || failed == "") {
			t.Errorf("%s: conditions are told: %v", failed, tells)
		}
	}
}

// TestManyStars would not end if a failed match went back to every star.
func TestManyStars(t *testing.T) {
	pattern := "arn:" + strings.Repeat("*a?", 60) + "*b"
	p := named(t, policy.KindIdentity, "p", document(`{"Effect":"Allow","Action":"`+strings.Repeat("*a", 60)+`*:b","Resource":"`+pattern+`"}`))
	ps := &policy.Policies{Identity: []policy.Named{p}}
	req := &policy.Request{
		Principal: policy.Principal{Kind: policy.PrincipalUser, Account: "1"},
		Action:    strings.Repeat("a", 200) + ":c", Resource: "arn:" + strings.Repeat("a", 2000),
	}
	if policy.Evaluate(ps, req).Allowed {
		t.Error("allowed what does not match")
	}
	req.Action, req.Resource = strings.Repeat("a", 200)+":b", req.Resource+"b"
	if !policy.Evaluate(ps, req).Allowed {
		t.Error("denied what matches")
	}
}

// TestZeroValues: what nobody filled in denies.
func TestZeroValues(t *testing.T) {
	if (policy.Decision{}).Allowed || policy.Evaluate(&policy.Policies{}, &policy.Request{}).Allowed {
		t.Error("a zero value allows")
	}
	ps := &policy.Policies{Identity: []policy.Named{{Name: "empty"}}, Boundary: &policy.Named{}, Resource: &policy.Named{}}
	for kind := range policy.PrincipalKind(20) {
		req := &policy.Request{Principal: policy.Principal{Kind: kind, Account: "1"}, Action: "a:b", Resource: "*"}
		if d := policy.Evaluate(ps, req); d.Allowed {
			t.Errorf("principal of kind %d: %s", kind, d.Reason)
		}
	}
	unknown := named(t, policy.KindIdentity, "all", document(`{"Effect":"Allow","Action":"*","Resource":"*"}`))
	req := &policy.Request{Principal: policy.Principal{Kind: 20, Account: "1"}, Action: "a:b", Resource: "*"}
	if d := policy.Evaluate(&policy.Policies{Identity: []policy.Named{unknown}}, req); d.Allowed {
		t.Errorf("a principal of an unknown kind: %s", d.Reason)
	}
	if policy.Reason(200).String() != "none" || policy.Kind(200).String() != "policy of an unknown kind" {
		t.Error("an unknown value has the name of a known one")
	}
}

// TestMisplacedPolicy: a policy of the wrong kind denies, but allows nothing.
func TestMisplacedPolicy(t *testing.T) {
	open := document(`{"Effect":"Allow","Action":"*","Resource":"*"}`, `{"Effect":"Deny","Action":"a:Denied","Resource":"*"}`)
	identity := named(t, policy.KindIdentity, "identity", open)
	resource := named(t, policy.KindResource, "resource", strings.ReplaceAll(open, `"Action"`, `"Principal":"*","Action"`))
	user := policy.Principal{Kind: policy.PrincipalUser, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/u"}
	for name, c := range map[string]struct {
		ps   policy.Policies
		who  policy.Principal
		want policy.Reason
	}{
		"resource":             {policy.Policies{Resource: &identity}, policy.Principal{}, policy.ImplicitDenyResource},
		"identity":             {policy.Policies{Identity: []policy.Named{resource}}, user, policy.ImplicitDenyIdentity},
		"boundary":             {policy.Policies{Identity: []policy.Named{identity}, Boundary: &resource}, user, policy.ImplicitDenyBoundary},
		"session":              {policy.Policies{Identity: []policy.Named{identity}, Session: []policy.Named{resource}}, user, policy.ImplicitDenySession},
		"organization":         {policy.Policies{Identity: []policy.Named{identity}, Organization: [][]policy.Named{{resource}}}, user, policy.ImplicitDenySCP},
		"resourceOrganization": {policy.Policies{Resource: &resource, ResourceOrganization: [][]policy.Named{{identity}}}, user, policy.ImplicitDenyRCP},
	} {
		req := &policy.Request{Principal: c.who, Action: "a:Other", Resource: "*"}
		if d := policy.Evaluate(&c.ps, req); d.Reason != c.want {
			t.Errorf("%s: %s, want %s", name, d.Reason, c.want)
		}
		if text, _ := json.Marshal(policy.Explain(&c.ps, req)); !strings.Contains(string(text), `"failed":"Kind"`) {
			t.Errorf("%s: not explained: %s", name, text)
		}
		req.Action = "a:Denied"
		if d := policy.Evaluate(&c.ps, req); !d.Reason.Explicit() {
			t.Errorf("%s: %s, want an explicit deny", name, d.Reason)
		}
	}
}
