package explain_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	iamapi "cloister/internal/awsapi/iam"
	"cloister/internal/awsapi/platform"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/guardrail"
	"cloister/internal/oidc/oidctest"
	"cloister/internal/seal"
	"cloister/internal/service/explain"
	"cloister/internal/service/iam"
	"cloister/internal/service/sts"
)

const (
	userARN = "arn:aws:iam::123456789012:user/u"
	roleARN = "arn:aws:iam::123456789012:role/r"
)

// world is a node's IAM, STS and Explain, with a user u and a role r that
// trusts Lambda and, by its tag, belongs to a team.
type world struct {
	*doortest.Harness
	t      *testing.T
	issuer *oidctest.Issuer
}

func newWorld(t *testing.T) *world {
	w := &world{t: t}
	var people *iam.Service
	w.Harness = doortest.New(t, []*awsapi.Service{&iamapi.Service, &stsapi.Service, &platform.Service}, func(d *doortest.Harness, c *door.Config) {
		people = iam.New(iam.Options{
			DB: d.DB, Keys: d.Keys, Account: doortest.Account, Guardrails: guardrail.New(&iamapi.Service, &stsapi.Service),
			RootAccessKeyID: "AKIAROOTROOTROOTROOT", RootSecret: seal.NewSecret([]byte("the root secret of the tests, 40 chars..")),
		})
		c.Directory = people
	})
	people.Register(w.Door)
	w.issuer = oidctest.New(t, "https://idp.example")
	tokens := sts.New(w.Keys, people, w.issuer.Fetch)
	tokens.Register(w.Door)
	explain.New(explain.Config{Audit: w.Audit, Principals: people, Views: map[string]explain.View{"iam": people.Describe, "sts": tokens.Describe}}).Register(w.Door)
	do(w, w.Root(), iamapi.OpCreateUser, &iamapi.CreateUserRequest{UserName: awsapi.Ptr("u")})
	do(w, w.Root(), iamapi.OpCreateRole, &iamapi.CreateRoleRequest{
		RoleName: awsapi.Ptr("r"), Tags: []*iamapi.Tag{{Key: awsapi.Ptr("Team"), Value: awsapi.Ptr("red")}},
		AssumeRolePolicyDocument: awsapi.Ptr(policyOf(`"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"`)),
	})
	return w
}

func policyOf(statement string) string {
	return `{"Version":"2012-10-17","Statement":{` + statement + `}}`
}

func do[In, Out any](w *world, as *door.Principal, op awsapi.Op[In, Out], in *In) *Out {
	w.t.Helper()
	out, err := door.Do(context.Background(), w.Door, as, op, in)
	if err != nil {
		w.t.Fatalf("%s: %v", op, err)
	}
	return out
}

// let gives the user or, for "r", the role a policy.
func (w *world) let(who, statement string) {
	w.t.Helper()
	if who == "r" {
		do(w, w.Root(), iamapi.OpPutRolePolicy, &iamapi.PutRolePolicyRequest{RoleName: &who, PolicyName: awsapi.Ptr("p"), PolicyDocument: awsapi.Ptr(policyOf(statement))})
		return
	}
	do(w, w.Root(), iamapi.OpPutUserPolicy, &iamapi.PutUserPolicyRequest{UserName: &who, PolicyName: awsapi.Ptr("p"), PolicyDocument: awsapi.Ptr(policyOf(statement))})
}

// user is u, by an access key of its own.
func (w *world) user() *door.Principal {
	w.t.Helper()
	key := do(w, w.Root(), iamapi.OpCreateAccessKey, &iamapi.CreateAccessKeyRequest{UserName: awsapi.Ptr("u")}).AccessKey
	p, err := w.Door.Session(context.Background(), *key.AccessKeyId, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) ask(principal, action, resource string, keys map[string][]string) platform.Explanation {
	w.t.Helper()
	out := do(w, w.Root(), platform.OpExplain, &platform.ExplainRequest{Principal: &principal, Action: &action, Resource: &resource, Context: keys})
	if len(out.Explanations) != 1 {
		w.t.Fatalf("%d explanations", len(out.Explanations))
	}
	return out.Explanations[0]
}

// denied makes a call that is denied and returns its request id.
func (w *world) denied(as *door.Principal) string {
	w.t.Helper()
	if _, err := door.Do(context.Background(), w.Door, as, iamapi.OpListUsers, &iamapi.ListUsersRequest{}); err == nil {
		w.t.Fatal("it is allowed")
	}
	return w.lastDenied()
}

// lastDenied is the request id of the last call that was denied.
func (w *world) lastDenied() string {
	w.t.Helper()
	id := ""
	for e, err := range w.Audit.Records(context.Background(), 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Outcome == audit.Denied {
			id = e.RequestID
		}
	}
	return id
}

func wantReason(t *testing.T, e *platform.Explanation, reason string) {
	t.Helper()
	if e.Reason != reason {
		text, _ := json.MarshalIndent(e, "", " ")
		t.Errorf("%q, want %q\n%s", e.Reason, reason, text)
	}
}

func TestTrustPolicyIsLookedAt(t *testing.T) {
	w := newWorld(t)
	w.let("u", `"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"`)
	e := w.ask(userARN, "sts:AssumeRole", roleARN, nil)
	wantReason(t, &e, "no resource-based policy allows")
	if len(e.Changes) != 1 || e.Changes[0].Statement != `{"Effect":"Allow","Principal":{"AWS":"`+userARN+`"},"Action":"sts:AssumeRole"}` {
		t.Errorf("advised %+v", e.Changes)
	}
	e = w.ask("lambda.amazonaws.com", "sts:AssumeRole", roleARN, map[string][]string{"aws:SourceAccount": {doortest.Account}})
	wantReason(t, &e, "allowed by a resource-based policy")
}

func TestTagsAndContextCount(t *testing.T) {
	w := newWorld(t)
	w.let("u", `"Effect":"Allow","Action":"iam:GetRole","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"red"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)
	e := w.ask(userARN, "iam:GetRole", roleARN, map[string][]string{"aws:SourceIp": {"192.0.2.1"}})
	wantReason(t, &e, "no identity-based policy allows")
	for _, c := range e.Steps[0].Policies[0].Statements[0].Conditions {
		if c.Holds != (c.Key == "aws:ResourceTag/Team") || len(c.Seen) != 1 {
			t.Errorf("condition %+v", c)
		}
	}
	e = w.ask(userARN, "iam:GetRole", roleARN, map[string][]string{"AWS:sourceIP": {"10.9.8.7"}})
	wantReason(t, &e, "allowed by an identity-based policy")
}

func TestARoleIsASessionOfIt(t *testing.T) {
	w := newWorld(t)
	w.let("r", `"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}`)
	for _, arn := range []string{roleARN, "arn:aws:sts::123456789012:assumed-role/r/s"} {
		e := w.ask(arn, "iam:GetUser", userARN, nil)
		wantReason(t, &e, "allowed by an identity-based policy")
	}
	e := w.ask("arn:aws:iam::123456789012:root", "iam:GetUser", userARN, nil)
	wantReason(t, &e, "allowed as the account's root user")
}

// The audit record is enough: the keys that conditions saw, and the policies
// that narrowed the session.
func TestRecordedDenial(t *testing.T) {
	w := newWorld(t)
	w.let("r", `"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::123456789012:user/*"`)
	w.let("u", `"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"`)
	do(w, w.Root(), iamapi.OpUpdateAssumeRolePolicy, &iamapi.UpdateAssumeRolePolicyRequest{RoleName: awsapi.Ptr("r"),
		PolicyDocument: awsapi.Ptr(policyOf(`"Effect":"Allow","Principal":{"AWS":"` + userARN + `"},"Action":"sts:AssumeRole"`))})
	w.let("r", `"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"`)
	session := do(w, w.user(), stsapi.OpAssumeRole, &stsapi.AssumeRoleRequest{
		RoleArn: awsapi.Ptr(roleARN), RoleSessionName: awsapi.Ptr("narrow"),
		Policy: awsapi.Ptr(policyOf(`"Effect":"Deny","Action":"iam:List*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"red"}}`)),
	}).Credentials
	p, err := w.Door.Session(context.Background(), *session.AccessKeyId, *session.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	id := w.denied(p)
	out := do(w, w.Root(), platform.OpExplain, &platform.ExplainRequest{RequestID: &id})
	if out.Recorded == nil || out.Recorded.Operation != "iam:ListUsers" || out.Recorded.ErrorCode != "AccessDenied" || len(out.Notes) != 0 {
		t.Errorf("recorded %+v, notes %q", out.Recorded, out.Notes)
	}
	e := &out.Explanations[0]
	wantReason(t, e, "explicit deny in a session policy")
	if e.DecidedBy == nil || e.DecidedBy.Policy != "session policy" || e.DecidedBy.Line != 1 || e.Recorded != "explicit deny in a session policy (session policy)" {
		t.Errorf("decided by %+v, recorded %q", e.DecidedBy, e.Recorded)
	}
	text, _ := json.Marshal(out)
	if strings.Contains(string(text), *session.SessionToken) || strings.Contains(string(text), *session.SecretAccessKey) {
		t.Error("a secret is in the explanation")
	}
}

func TestRecordedDenialAfterAChange(t *testing.T) {
	w := newWorld(t)
	p := w.user()
	id := w.denied(p)
	w.let("u", `"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"`)
	out := do(w, w.Root(), platform.OpExplain, &platform.ExplainRequest{RequestID: &id})
	wantReason(t, &out.Explanations[0], "allowed by an identity-based policy")
	if len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "policies have changed since") || out.Explanations[0].Recorded != "no identity-based policy allows" {
		t.Errorf("notes %q, recorded %q", out.Notes, out.Explanations[0].Recorded)
	}
}

func TestWhatCannotBeExplained(t *testing.T) {
	w := newWorld(t)
	s := awsapi.Ptr[string]
	for name, c := range map[string]struct {
		in   platform.ExplainRequest
		code string
	}{
		"nothing":             {platform.ExplainRequest{}, "ValidationException"},
		"half a question":     {platform.ExplainRequest{Principal: s(userARN), Action: s("iam:GetUser")}, "ValidationException"},
		"both questions":      {platform.ExplainRequest{RequestID: s("x"), Action: s("iam:GetUser")}, "ValidationException"},
		"a wildcard":          {platform.ExplainRequest{Principal: s(userARN), Action: s("iam:*"), Resource: s("*")}, "ValidationException"},
		"no action":           {platform.ExplainRequest{Principal: s(userARN), Action: s("GetUser"), Resource: s("*")}, "ValidationException"},
		"no ARN":              {platform.ExplainRequest{Principal: s(userARN), Action: s("iam:GetUser"), Resource: s("user/u")}, "ValidationException"},
		"nobody":              {platform.ExplainRequest{Principal: s(userARN + "x"), Action: s("iam:GetUser"), Resource: s("*")}, "ResourceNotFoundException"},
		"another account":     {platform.ExplainRequest{Principal: s("arn:aws:iam::999999999999:user/u"), Action: s("iam:GetUser"), Resource: s("*")}, "AccessDenied"},
		"a group":             {platform.ExplainRequest{Principal: s("arn:aws:iam::123456789012:group/g"), Action: s("iam:GetUser"), Resource: s("*")}, "ResourceNotFoundException"},
		"no such request":     {platform.ExplainRequest{RequestID: s("no such request")}, "ResourceNotFoundException"},
		"a session of nobody": {platform.ExplainRequest{Principal: s("arn:aws:sts::123456789012:assumed-role/x/s"), Action: s("iam:GetUser"), Resource: s("*")}, "ResourceNotFoundException"},
	} {
		_, err := door.Do(context.Background(), w.Door, w.Root(), platform.OpExplain, &c.in)
		var wire *awsapi.Error
		if !errors.As(err, &wire) || wire.Code != c.code || wire.Status >= 500 {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	out := do(w, w.Root(), platform.OpExplain, &platform.ExplainRequest{Principal: s(userARN), Action: s("s3:GetObject"), Resource: s("arn:aws:s3:::b/k")})
	if len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "resources of s3 are not known") {
		t.Errorf("notes %q", out.Notes)
	}
}

func TestExplainNeedsItsPermission(t *testing.T) {
	w := newWorld(t)
	p := w.user()
	w.let("u", `"Effect":"Allow","Action":"cloister:Explain","Resource":"`+userARN+`"`)
	may := func(in *platform.ExplainRequest) bool {
		_, err := door.Do(context.Background(), w.Door, p, platform.OpExplain, in)
		var wire *awsapi.Error
		return !errors.As(err, &wire) || !strings.HasPrefix(wire.Code, "AccessDenied")
	}
	about := func(who string) *platform.ExplainRequest {
		return &platform.ExplainRequest{Principal: &who, Action: awsapi.Ptr("iam:GetUser"), Resource: awsapi.Ptr("*")}
	}
	if !may(about(userARN)) || may(about(roleARN)) || may(about("lambda.amazonaws.com")) || may(&platform.ExplainRequest{RequestID: awsapi.Ptr("x")}) {
		t.Error("the permission on one principal is not that on it alone")
	}
}

// A federated user has the policies of the user who vouches.
func TestRecordedDenialOfAFederatedUser(t *testing.T) {
	w := newWorld(t)
	w.let("u", `"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"*"`)
	session := do(w, w.user(), stsapi.OpGetFederationToken, &stsapi.GetFederationTokenRequest{
		Name: awsapi.Ptr("susan"), Policy: awsapi.Ptr(policyOf(`"Effect":"Allow","Action":"*","Resource":"*"`)),
	}).Credentials
	p, err := w.Door.Session(context.Background(), *session.AccessKeyId, *session.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.Do(context.Background(), w.Door, p, stsapi.OpGetAccessKeyInfo, &stsapi.GetAccessKeyInfoRequest{AccessKeyId: session.AccessKeyId}); err == nil {
		t.Fatal("it is allowed")
	}
	id := ""
	for e, err := range w.Audit.Records(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.EventName == "GetAccessKeyInfo" {
			id = e.RequestID
		}
	}
	out := do(w, w.Root(), platform.OpExplain, &platform.ExplainRequest{RequestID: &id})
	if len(out.Notes) != 0 || len(out.Explanations) != 1 {
		t.Fatalf("notes %q, %d explanations", out.Notes, len(out.Explanations))
	}
	wantReason(t, &out.Explanations[0], "no identity-based policy allows")
}

// Of a login by a token, let in or denied, the trust policy's conditions are
// shown with what the token said.
func TestRecordedWebIdentity(t *testing.T) {
	w := newWorld(t)
	do(w, w.Root(), iamapi.OpCreateOpenIDConnectProvider, &iamapi.CreateOpenIDConnectProviderRequest{Url: &w.issuer.URL, ClientIDList: []string{"sts.amazonaws.com"}})
	do(w, w.Root(), iamapi.OpUpdateAssumeRolePolicy, &iamapi.UpdateAssumeRolePolicyRequest{RoleName: awsapi.Ptr("r"), PolicyDocument: awsapi.Ptr(policyOf(
		`"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/idp.example"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"idp.example:sub":"alice"}}`))})
	nobody := &door.Principal{}
	for _, subject := range []string{"alice", "mallory"} {
		_, err := door.Do(context.Background(), w.Door, nobody, stsapi.OpAssumeRoleWithWebIdentity, &stsapi.AssumeRoleWithWebIdentityRequest{
			RoleArn: awsapi.Ptr(roleARN), RoleSessionName: awsapi.Ptr("session"), WebIdentityToken: awsapi.Ptr(w.issuer.Token(map[string]any{"sub": subject})),
		})
		if (err == nil) != (subject == "alice") {
			t.Fatalf("%s: %v", subject, err)
		}
		id := ""
		for e, err := range w.Audit.Records(context.Background(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if e.EventName == "AssumeRoleWithWebIdentity" {
				id = e.RequestID
			}
		}
		out := do(w, w.Root(), platform.OpExplain, &platform.ExplainRequest{RequestID: &id})
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Notes) != 0 || len(out.Explanations) != 1 || out.Explanations[0].Allowed != (subject == "alice") || !strings.Contains(string(text), subject) {
			t.Errorf("%s: %s", subject, text)
		}
	}
}
