package door_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	iam "cloister/internal/awsapi/iam"
	logs "cloister/internal/awsapi/logs"
	sts "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

const denied = "User: arn:aws:iam::123456789012:user/u is not authorized to perform: "

// A denial says who, what, on which resource and why, with the code and status
// of the protocol.
func TestDenied(t *testing.T) {
	for i, want := range []string{"AccessDeniedException", "<Code>AccessDenied<", denied} {
		p := protocols[i]
		t.Run(p.name, func(t *testing.T) {
			s := newStage(t)
			w := s.as(s.User("u", allow("s3:*")), p.service, p.request())
			answered(t, w, [...]int{400, 403, 403}[i], want, denied, " on resource: "+resource+" because no identity-based policy allows the ")
			if i == 2 && !strings.HasPrefix(w.Header().Get("X-Amzn-Errortype"), "AccessDeniedException") {
				t.Errorf("the header says %q", w.Header())
			}
			rec := s.last(1)
			if s.runs != 0 || rec.Outcome != audit.Denied || len(rec.Needs) != 1 || rec.Needs[0].Allowed || rec.Principal.ARN != "arn:aws:iam::123456789012:user/u" {
				t.Errorf("%d runs, audited as %+v", s.runs, rec)
			}
		})
	}
}

func TestExplicitDeny(t *testing.T) {
	s := newStage(t)
	u := s.User("u", allow("*"), `{"Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*"}}`)
	answered(t, s.as(u, &iam.Service, getUser()), 403, denied+"iam:GetUser on resource: "+resource+" with an explicit deny in an identity-based policy")
}

func TestAllowed(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			s := newStage(t)
			answered(t, s.as(s.User("u", allow("*")), p.service, p.request()), 200)
			rec := s.last(1)
			if s.runs != 1 || rec.Outcome != audit.Allowed || len(rec.Needs) != 1 || !rec.Needs[0].Allowed || rec.Needs[0].Policy != "policy-0" {
				t.Errorf("%d runs, audited as %+v", s.runs, rec)
			}
		})
	}
}

func TestNoNeeds(t *testing.T) {
	s := newStage(t)
	s.needs = func(*door.Call) []door.Need { return nil }
	answered(t, s.as(s.Root(), &iam.Service, getUser()), 403, "is not authorized to perform: iam:GetUser because the call maps to no permission")
	if s.runs != 0 || s.last(1).Outcome != audit.Denied {
		t.Error("a call that maps to no permission went through")
	}
}

// Of a batch every need must be allowed, wherever the one stands that is not.
func TestBatch(t *testing.T) {
	for at := range 3 {
		s := newStage(t)
		s.needs = func(*door.Call) []door.Need {
			needs := make([]door.Need, 3)
			for i := range needs {
				needs[i] = door.Need{Action: "logs:CreateLogGroup", Resource: "arn:aws:x:::good"}
			}
			needs[at].Resource = "arn:aws:x:::bad"
			return needs
		}
		u := s.User("u", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:x:::good"}}`)
		answered(t, s.as(u, &logs.Service, createGroup("g")), 400, "on resource: arn:aws:x:::bad because")
		if s.runs != 0 || s.has("g") {
			t.Errorf("a batch went through without need %d", at)
		}
	}
}

// Permission that is taken away between the first decision and the transaction
// is missing in the transaction.
func TestRevokedBetween(t *testing.T) {
	revocations := map[string]func(*stage, *door.Principal){
		"policy taken away": func(s *stage, u *door.Principal) { s.Users.Set(u, &policy.Policies{}) },
		"user deleted":      func(s *stage, u *door.Principal) { s.Users.Remove(u) },
	}
	for name, revoke := range revocations {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			u, decisions := s.User("u", allow("*")), 0
			s.resolve = func(*door.Call) {
				if decisions++; decisions == 2 {
					revoke(s, u)
				}
			}
			answered(t, s.as(u, &logs.Service, createGroup("g")), 400)
			rec := s.last(1)
			if s.runs != 0 || s.has("g") || decisions != 2 || rec.Outcome != audit.Denied {
				t.Errorf("%d runs, %d decisions, audited as %+v", s.runs, decisions, rec)
			}
		})
	}
}

func TestDeletedPrincipal(t *testing.T) {
	s := newStage(t)
	u := s.User("u", allow("*"))
	key := s.Key(u, &sts.Service)
	answered(t, s.Serve(s.Sign(getCallerIdentity(), key)), 200, "<Arn>"+u.ARN+"</Arn>")
	s.Users.Remove(u)
	answered(t, s.Serve(s.Sign(getCallerIdentity(), key)), 403, "InvalidClientTokenId")
	if s.runs != 1 || s.last(2).Outcome != audit.Denied {
		t.Error("a deleted user is served")
	}
}

// A service gets as far as the resource's policy lets it, for the resource that
// it acts for.
func TestServicePrincipal(t *testing.T) {
	s := newStage(t)
	s.needs = func(*door.Call) []door.Need {
		return []door.Need{{Action: "iam:GetUser", Resource: resource, ResourcePolicy: resourcePolicy(t, `{"Statement":{
			"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"iam:GetUser","Resource":"*",
			"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:events:*:123456789012:rule/mine"},"StringEquals":{"aws:SourceAccount":"123456789012"}}}}`)}}
	}
	for _, c := range []struct {
		service, arn, account string
		allowed               bool
	}{
		{"events.amazonaws.com", "arn:aws:events:us-east-1:123456789012:rule/mine", "123456789012", true},
		{"events.amazonaws.com", "arn:aws:events:us-east-1:123456789012:rule/other", "123456789012", false},
		{"events.amazonaws.com", "arn:aws:events:us-east-1:123456789012:rule/mine", "210987654321", false},
		{"s3.amazonaws.com", "arn:aws:events:us-east-1:123456789012:rule/mine", "123456789012", false},
	} {
		_, err := door.Do(context.Background(), s.Door, door.ServicePrincipal(c.service, c.arn, c.account), iam.OpGetUser, &iam.GetUserRequest{})
		if (err == nil) != c.allowed {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if rec := s.records()[0]; rec.Principal.Service != "events.amazonaws.com" || rec.Principal.Type != "AWSService" || rec.Account != doortest.Account {
		t.Errorf("audited as %+v", rec)
	}
}

// Inside a handler, a call with the caller's own session is on the caller's
// behalf; a call in another name is not. The audit log tells the way of both.
func TestNested(t *testing.T) {
	s := newStage(t)
	type seen struct{ via, region string }
	var inner seen
	s.needs = func(c *door.Call) []door.Need {
		return []door.Need{{Action: c.Operation.String(), Resource: "*"}}
	}
	s.read = func(c *door.Call, _ store.Reader) error {
		inner.via, inner.region = strings.Join(c.CalledVia(), " "), c.Region
		return nil
	}
	do := func(as func(*door.Call) *door.Principal) {
		t.Helper()
		s.act = func(c *door.Call) error {
			ctx, cancel := context.WithCancel(c)
			defer cancel()
			_, err := door.Do(ctx, s.Door, as(c), iam.OpGetUser, &iam.GetUserRequest{})
			return err
		}
		key := s.Key(s.User("u", allow("logs:*"), `{"Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*",
			"Condition":{"StringEquals":{"aws:CalledViaLast":"logs.amazonaws.com"},"Bool":{"aws:ViaAWSService":"true"}}}}`), &logs.Service)
		key.Region = "eu-west-1"
		answered(t, s.Serve(s.Sign(deleteGroup(), key)), 200)
	}
	do(func(c *door.Call) *door.Principal { return c.Principal })
	if inner.via != "logs.amazonaws.com" || inner.region != "eu-west-1" {
		t.Errorf("forwarded: %+v", inner)
	}
	do(func(*door.Call) *door.Principal { return s.Role("r", "session", allow("iam:*")) })
	if inner.via != "" || inner.region != "eu-west-1" {
		t.Errorf("in a role's name: %+v", inner)
	}
	for i, rec := range s.records() {
		if want := []string{"logs.amazonaws.com", ""}[i%2]; strings.Join(rec.Via, " ") != want {
			t.Errorf("record %d came via %v", i, rec.Via)
		}
	}
	_, err := door.Do(context.Background(), s.Door, s.User("u2", `{"Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*","Condition":{"Bool":{"aws:ViaAWSService":"true"}}}}`),
		iam.OpGetUser, &iam.GetUserRequest{})
	var wire *awsapi.Error
	if !errors.As(err, &wire) || wire.Code != "AccessDenied" {
		t.Errorf("a direct call: %v", err)
	}
}

// Do validates like the wire, and refuses what the node has not.
func TestDo(t *testing.T) {
	s := newStage(t)
	ctx := context.Background()
	for name, call := range map[string]func() error{
		"InvalidParameterException": func() error {
			_, err := door.Do(ctx, s.Door, s.Root(), logs.OpCreateLogGroup, &logs.CreateLogGroupRequest{})
			return err
		},
		"UnknownOperationException": func() error {
			_, err := door.Do(ctx, s.Door, s.Root(), iam.OpDeleteUser, &iam.DeleteUserRequest{UserName: awsapi.Ptr("u")})
			return err
		},
	} {
		var wire *awsapi.Error
		if err := call(); !errors.As(err, &wire) || !strings.HasPrefix(wire.Code, name) && name != "InvalidParameterException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(s.records()) != 2 || s.runs != 0 {
		t.Errorf("%d runs, audited: %+v", s.runs, s.records())
	}
}

// What is denied by one name is denied by all; what is allowed is so by the name
// that was used.
func TestOtherNames(t *testing.T) {
	s := newStage(t)
	s.needs = func(*door.Call) []door.Need {
		return []door.Need{{Action: "iam:GetUser", Resource: resource, Also: []string{resource + "/"}}}
	}
	deny := func(arn string) string {
		return `{"Statement":{"Effect":"Deny","Action":"*","Resource":"` + arn + `"}}`
	}
	answered(t, s.as(s.User("u", allow("*")), &iam.Service, getUser()), 200)
	answered(t, s.as(s.User("u", allow("*"), deny(resource)), &iam.Service, getUser()), 403, "with an explicit deny")
	answered(t, s.as(s.User("u", allow("*"), deny(resource+"/")), &iam.Service, getUser()), 403, "on resource: "+resource+" with an explicit deny in an identity-based policy")
	answered(t, s.as(s.User("u", strings.Replace(allow("*"), `"Resource":"*"`, `"Resource":"`+resource+`/"`, 1)), &iam.Service, getUser()), 403, "no identity-based policy allows")
}
