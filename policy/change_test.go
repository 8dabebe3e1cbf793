package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"cloister/policy"

	"pgregory.net/rapid"
)

// TestChangesAllowAndAreSmallest: what Changes writes out, put into the texts of
// the policies, allows the request; without any one of the changes it stays
// denied; and what the changes add allows nothing else.
func TestChangesAllowAndAreSmallest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trust := oneIn(t, 5, "trust")
		ps := &drawPolicies(t, trust).fast
		req := drawRequest(t, trust)
		if rapid.Bool().Draw(t, "the principal has an ARN") {
			req.Context.(policy.MapContext)["aws:principalarn"] = []string{cmpOr(req.Principal.RoleARN, req.Principal.ARN)}
		}
		changes := policy.Changes(ps, req)
		allowed := policy.Evaluate(ps, req).Allowed
		if allowed || req.Principal.Kind == policy.PrincipalAnonymous && len(changes) == 0 {
			if len(changes) > 0 {
				t.Fatalf("changes for a request that is allowed: %+v", changes)
			}
			return
		}
		if len(changes) == 0 {
			t.Fatalf("nothing is advised for %+v", req)
		}
		if d := policy.Evaluate(changed(t, ps, req, changes), req); !d.Allowed {
			t.Fatalf("still denied after %s: %s", shown(changes), d.Reason)
		}
		for i := range changes {
			rest := slices.Delete(slices.Clone(changes), i, i+1)
			if policy.Evaluate(changed(t, ps, req, rest), req).Allowed {
				t.Fatalf("change %d of %s is not needed", i, shown(changes))
			}
		}
		addsNothingElse(t, req, changes)
	})
}

// addsNothingElse: a statement that was added allows this action on this
// resource to this principal only.
func addsNothingElse(t *rapid.T, req *policy.Request, changes []policy.Change) {
	for _, c := range changes {
		if c.Kind != policy.ChangeAdd || c.Layer != policy.LayerIdentity {
			continue
		}
		p := must(policy.Parse(policy.KindIdentity, []byte(`{"Version":"2012-10-17","Statement":`+string(c.Statement)+`}`)))
		ps := &policy.Policies{Identity: []policy.Named{{Name: "added", Policy: p}}}
		other := *req
		other.Principal, other.ResourceAccount, other.ResourcePolicyRequired = callers[2], "", false
		other.Action = pick(t, "other action", actions)
		if !strings.EqualFold(other.Action, req.Action) && policy.Evaluate(ps, &other).Allowed {
			t.Fatalf("%s allows %s", c.Statement, other.Action)
		}
		other.Action, other.Resource = req.Action, pick(t, "other resource", resources)
		if other.Resource != req.Resource && req.Resource != "*" && c.Policy == "" && policy.Evaluate(ps, &other).Allowed {
			t.Fatalf("%s allows %s", c.Statement, other.Resource)
		}
	}
}

func shown(changes []policy.Change) string {
	text, _ := json.Marshal(changes)
	return string(text)
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// changed makes the changes as a person would: in the policies' texts.
func changed(t *rapid.T, ps *policy.Policies, req *policy.Request, changes []policy.Change) *policy.Policies {
	now := *ps
	for _, c := range changes {
		switch c.Layer {
		case policy.LayerIdentity:
			now.Identity = changeList(t, policy.KindIdentity, now.Identity, req, c)
		case policy.LayerSession:
			now.Session = changeList(t, policy.KindSession, now.Session, req, c)
		case policy.LayerBoundary:
			now.Boundary = changeOne(t, policy.KindBoundary, now.Boundary, req, c)
		case policy.LayerResource:
			kind := policy.KindResource
			if now.Resource != nil {
				kind = now.Resource.Policy.Kind()
			} else if req.ResourcePolicyRequired && strings.HasPrefix(req.Action, "sts:") {
				kind = policy.KindTrust
			}
			now.Resource = changeOne(t, kind, now.Resource, req, c)
		case policy.LayerOrganization:
			now.Organization = slices.Clone(now.Organization)
			now.Organization[c.Level-1] = changeList(t, policy.KindOrganization, now.Organization[c.Level-1], req, c)
		case policy.LayerResourceOrganization:
			now.ResourceOrganization = slices.Clone(now.ResourceOrganization)
			now.ResourceOrganization[c.Level-1] = changeList(t, policy.KindResourceOrganization, now.ResourceOrganization[c.Level-1], req, c)
		default:
			t.Fatalf("no layer %q", c.Layer)
		}
	}
	return &now
}

func changeOne(t *rapid.T, kind policy.Kind, old *policy.Named, req *policy.Request, c policy.Change) *policy.Named {
	var all []policy.Named
	if old != nil {
		all = append(all, *old)
	}
	return &changeList(t, kind, all, req, c)[0]
}

// changeList changes the first policy that the change can mean: the generators
// give policies of one kind one name. Of a deny that is every one where its
// statement denies the request.
func changeList(t *rapid.T, kind policy.Kind, all []policy.Named, req *policy.Request, c policy.Change) []policy.Named {
	all = slices.Clone(all)
	if c.Kind == policy.ChangeAdd {
		if c.Policy == "" {
			return append(all, policy.Named{Name: "new", Policy: parsed(t, kind, wrap(c.Statement))})
		}
		all[0].Policy = parsed(t, kind, edited(all[0].Policy, func(list []any) []any { return append(list, c.Statement) }))
		return all
	}
	for i := range all {
		if p := all[i].Policy; all[i].Name == c.Policy && denies(t, p, req, c.Denies) {
			all[i].Policy = parsed(t, kind, edited(p, func(list []any) []any { return spared(list, c) }))
			return all
		}
	}
	t.Fatalf("nothing denies as %s says", shown([]policy.Change{c}))
	return nil
}

// denies says whether the statement of a policy denies the request.
func denies(t *rapid.T, p *policy.Policy, req *policy.Request, ref *policy.StatementRef) bool {
	n := policy.Named{Policy: p}
	ps := &policy.Policies{Identity: []policy.Named{n}}
	if k := p.Kind(); k == policy.KindResource || k == policy.KindTrust || k == policy.KindResourceOrganization {
		ps = &policy.Policies{Resource: &n}
	}
	for _, s := range policy.Explain(ps, req).Steps {
		for _, trace := range s.Policies {
			if len(trace.Statements) > ref.Statement {
				if st := trace.Statements[ref.Statement]; st.Effect == "Deny" && st.Applies && st.Line == ref.Line {
					return true
				}
			}
		}
	}
	return false
}

func spared(list []any, c policy.Change) []any {
	s := list[c.Denies.Statement].(map[string]any)
	if c.Kind == policy.ChangeRemove {
		// It speaks of nothing any more; what stands behind it keeps its place.
		delete(s, "NotAction")
		s["Action"] = "sts:Nothing"
		return list
	}
	var add map[string]map[string]any
	if err := json.Unmarshal(c.Condition, &add); err != nil {
		panic(err)
	}
	conditions, _ := s["Condition"].(map[string]any)
	if conditions == nil {
		conditions = map[string]any{}
	}
	for operator, keys := range add {
		conditions[operator] = joined(conditions[operator], keys)
	}
	s["Condition"] = conditions
	return list
}

func joined(old any, keys map[string]any) any {
	m, _ := old.(map[string]any)
	if m == nil {
		return keys
	}
	for key, value := range keys {
		m[key] = value
	}
	return m
}

// edited is the text of a policy with other statements.
func edited(p *policy.Policy, edit func([]any) []any) []byte {
	var doc map[string]any
	if err := json.Unmarshal(p.Text(), &doc); err != nil {
		panic(err)
	}
	list, ok := doc["Statement"].([]any)
	if !ok {
		list = []any{doc["Statement"]}
	}
	doc["Statement"] = edit(list)
	return must(json.Marshal(doc))
}

func wrap(statement json.RawMessage) []byte {
	return []byte(`{"Version":"2012-10-17","Statement":` + string(statement) + `}`)
}

func parsed(t *rapid.T, kind policy.Kind, text []byte) *policy.Policy {
	p, err := policy.Parse(kind, text)
	if err != nil {
		t.Fatalf("a change makes an invalid policy: %v\n%s", err, text)
	}
	return p
}

// TestChanges is what people read, case by case.
func TestChanges(t *testing.T) {
	user := policy.Principal{Kind: policy.PrincipalUser, ARN: "arn:aws:iam::123456789012:user/u", Account: "123456789012"}
	role := policy.Principal{Kind: policy.PrincipalAssumedRole, ARN: "arn:aws:sts::123456789012:assumed-role/r/s", RoleARN: "arn:aws:iam::123456789012:role/r", Account: "123456789012"}
	allow := `{"Effect":"Allow","Action":"*","Resource":"*"}`
	deny := `{"Effect":"Deny","Action":"s3:Get*","Resource":"*"}`
	identity := func(body ...string) []policy.Named {
		return []policy.Named{named(t, policy.KindIdentity, "home", document(body...))}
	}
	boundary := named(t, policy.KindBoundary, "limit", document(`{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`))
	trust := named(t, policy.KindTrust, "trust", document(`{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}`))
	get := policy.Request{Principal: user, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: policy.MapContext{"aws:principalarn": {user.ARN}}}
	with := func(change func(*policy.Request)) policy.Request { r := get; change(&r); return r }
	for _, c := range []struct {
		name string
		ps   policy.Policies
		req  policy.Request
		want string
	}{
		{"allowed", policy.Policies{Identity: identity(allow)}, get, `null`},
		{"no policy at all", policy.Policies{}, get,
			`[{"kind":"add statement","layer":"identity-based policy","statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/k"}}]`},
		{"a wildcard in a name stands for itself", policy.Policies{}, with(func(r *policy.Request) { r.Resource = "arn:aws:s3:::b/a*${x}?" }),
			`[{"kind":"add statement","layer":"identity-based policy","statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/a${*}${$}{x}${?}"}}]`},
		{"the boundary lacks it", policy.Policies{Identity: identity(allow), Boundary: &boundary}, get,
			`[{"kind":"add statement","layer":"permissions boundary","policy":"limit","statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/k"}}]`},
		{"a deny excepts the principal", policy.Policies{Identity: identity(allow, deny)}, get,
			`[{"kind":"except principal from deny","layer":"identity-based policy","policy":"home","denies":{"policy":"home","statement":1,"line":1},"condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/u"}}}]`},
		{"a deny of somebody without ARN", policy.Policies{Identity: identity(allow, deny)}, with(func(r *policy.Request) { r.Context = nil }),
			`[{"kind":"remove deny","layer":"identity-based policy","policy":"home","denies":{"policy":"home","statement":1,"line":1}}]`},
		{"the trust policy lacks the role", policy.Policies{Identity: identity(allow), Resource: &trust},
			policy.Request{Principal: role, Action: "sts:AssumeRole", Resource: "arn:aws:iam::123456789012:role/t", ResourcePolicyRequired: true},
			`[{"kind":"add statement","layer":"resource-based policy","policy":"trust","statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/r"},"Action":"sts:AssumeRole"}}]`},
		{"a service for its source", policy.Policies{}, policy.Request{
			Principal: policy.Principal{Kind: policy.PrincipalService, Service: "s3.amazonaws.com"},
			Action:    "lambda:InvokeFunction", Resource: "arn:aws:lambda:us-east-1:123456789012:function:f",
			Context: policy.MapContext{"aws:sourcearn": {"arn:aws:s3:::b*"}, "aws:sourceaccount": {"123456789012"}},
		}, `[{"kind":"add statement","layer":"resource-based policy","statement":{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:s3:::b${*}"},"StringEquals":{"aws:SourceAccount":"123456789012"}}}}]`},
		{"a service", policy.Policies{}, policy.Request{Principal: policy.Principal{Kind: policy.PrincipalService, Service: "sns.amazonaws.com"}, Action: "lambda:InvokeFunction", Resource: "arn:aws:lambda:us-east-1:123456789012:function:f"},
			`[{"kind":"add statement","layer":"resource-based policy","statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f"}}]`},
		{"the anonymous are not let in", policy.Policies{}, policy.Request{Action: "s3:GetObject", Resource: "*"}, `null`},
	} {
		if got := shown(policy.Changes(&c.ps, &c.req)); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestDeciding: which statements determine a decision, and where they stand.
func TestDeciding(t *testing.T) {
	p := named(t, policy.KindIdentity, "p", `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    {"Effect": "Allow",
     "Action": "s3:Get*", "Resource": "*"},
    {"Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}
  ]
}`)
	ps := &policy.Policies{Identity: []policy.Named{p}}
	req := &policy.Request{Principal: policy.Principal{Kind: policy.PrincipalUser, Account: "1"}, Action: "s3:GetObject", Resource: "*"}
	got := policy.Deciding(ps, req)
	if len(got) != 2 || got[0].Statement != 0 || got[1].Start != (policy.Position{Line: 5, Column: 5}) || got[1].End != (policy.Position{Line: 6, Column: 43}) {
		t.Errorf("got %+v", got)
	}
	req.Action = "s3:PutObject"
	if got = policy.Deciding(ps, req); len(got) != 1 || got[0].Statement != 2 || got[0].Start.Line != 7 {
		t.Errorf("got %+v", got)
	}
}

func TestContextKeys(t *testing.T) {
	p := must(policy.Parse(policy.KindIdentity, []byte(`{"Version":"2012-10-17","Statement":[
	  {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/${*}/${aws:PrincipalTag/Team, 'none'}",
	   "Condition":{"StringLike":{"aws:UserName":"${s3:prefix}"},"Bool":{"aws:SecureTransport":true}}}]}`)))
	want := []string{"aws:username", "aws:PrincipalTag/Team", "s3:prefix", "aws:SecureTransport"}
	if got := p.ContextKeys(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
