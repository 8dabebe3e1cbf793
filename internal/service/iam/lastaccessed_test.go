package iam

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

const mayIAM = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:List*","lambda:InvokeFunction"],"Resource":"*"}}`

// accessWorld has alice and bob in a group that may list and invoke, and a role
// that may log.
func accessWorld(t *testing.T) *harness {
	h := newHarness(t)
	do(h, h.root(), api.OpCreateGroup, &api.CreateGroupRequest{GroupName: str("devs")})
	do(h, h.root(), api.OpPutGroupPolicy, &api.PutGroupPolicyRequest{GroupName: str("devs"), PolicyName: str("p"), PolicyDocument: str(mayIAM)})
	for _, name := range []string{"alice", "bob"} {
		do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: &name})
		do(h, h.root(), api.OpAddUserToGroup, &api.AddUserToGroupRequest{GroupName: str("devs"), UserName: &name})
	}
	do(h, h.root(), api.OpCreateRole, &api.CreateRoleRequest{RoleName: str("fn"),
		AssumeRolePolicyDocument: str(`{"Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
	do(h, h.root(), api.OpAttachRolePolicy, &api.AttachRolePolicyRequest{RoleName: str("fn"), PolicyArn: str("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")})
	return h
}

// details generates a report and reads it whole, page by page.
func (h *harness) details(as *door.Principal, arn, granularity string) []*api.ServiceLastAccessed {
	h.t.Helper()
	job := do(h, as, api.OpGenerateServiceLastAccessedDetails, &api.GenerateServiceLastAccessedDetailsRequest{Arn: &arn, Granularity: &granularity}).JobId
	var all []*api.ServiceLastAccessed
	in := &api.GetServiceLastAccessedDetailsRequest{JobId: job, MaxItems: ptrTo(int64(2))}
	for {
		out := do(h, as, api.OpGetServiceLastAccessedDetails, in)
		if *out.JobStatus != "COMPLETED" || *out.JobType != granularity {
			h.t.Fatalf("the job is %s %s", *out.JobStatus, *out.JobType)
		}
		all = append(all, out.ServicesLastAccessed...)
		if !*out.IsTruncated {
			return all
		}
		in.Marker = out.Marker
	}
}

func ptrTo[T any](v T) *T { return &v }

func summary(all []*api.ServiceLastAccessed) (lines []string) {
	for _, a := range all {
		line := *a.ServiceNamespace + " " + fmt.Sprint(*a.TotalAuthenticatedEntities)
		if a.LastAuthenticatedEntity != nil {
			line += " " + *a.LastAuthenticatedEntity + " " + *a.LastAuthenticatedRegion
		}
		for _, action := range a.TrackedActionsLastAccessed {
			if action.LastAccessedTime != nil {
				line += " " + *action.ActionName
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func wantLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%q, want\n%q", what, got, want)
	}
}

// A call counts whether it was allowed or not, before and after it is written
// down, and until the user is deleted.
func TestLastAccessed(t *testing.T) {
	h := accessWorld(t)
	const alice, devs, basic = "arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:group/devs", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
	wantLines(t, "before", summary(h.details(h.root(), alice, "SERVICE_LEVEL")), "iam 0", "lambda 0")
	do(h, h.user("alice"), api.OpListUsers, &api.ListUsersRequest{})
	if got := try(h, h.user("bob"), api.OpDeleteUser, &api.DeleteUserRequest{UserName: str("alice")}); got != "AccessDenied" {
		t.Fatal(got)
	}
	for _, when := range []string{"in memory", "written down"} {
		wantLines(t, when, summary(h.details(h.root(), alice, "ACTION_LEVEL")), "iam 1 "+alice+" us-east-1 ListUsers", "lambda 0")
		got := h.details(h.root(), devs, "SERVICE_LEVEL")
		if len(got) != 2 || *got[0].TotalAuthenticatedEntities != 2 || *got[0].ServiceName != "AWS Identity and Access Management" || got[1].LastAuthenticated != nil {
			t.Errorf("%s: of the group %q", when, summary(got))
		}
		h.must(h.iam.flushActs(context.Background()))
		if len(h.iam.acts.pending) != 0 {
			t.Error("what was written is still pending")
		}
	}
	wantLines(t, "of a policy", summary(h.details(h.root(), basic, "SERVICE_LEVEL")), "logs 0")
	h.iam.Acted(h.roleSession("fn"), "logs:PutLogEvents", "eu-west-1", time.Now())
	wantLines(t, "of a policy that a role used", summary(h.details(h.root(), basic, "SERVICE_LEVEL")), "logs 1 arn:aws:iam::123456789012:role/fn eu-west-1")

	if used := do(h, h.root(), api.OpGetRole, &api.GetRoleRequest{RoleName: str("fn")}).Role.RoleLastUsed; used.LastUsedDate == nil || *used.Region != "eu-west-1" {
		t.Errorf("the role was last used %+v", used)
	}

	gone := h.user("bob")
	do(h, h.root(), api.OpRemoveUserFromGroup, &api.RemoveUserFromGroupRequest{GroupName: str("devs"), UserName: str("bob")})
	do(h, h.root(), api.OpDeleteUser, &api.DeleteUserRequest{UserName: str("bob")})
	h.iam.Acted(gone, "iam:ListUsers", "us-east-1", time.Now())
	h.must(h.iam.flushActs(context.Background())) // Check finds it if the act of a deleted user is kept
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: str("bob")})
	do(h, h.root(), api.OpAddUserToGroup, &api.AddUserToGroupRequest{GroupName: str("devs"), UserName: str("bob")})
	wantLines(t, "of another bob", summary(h.details(h.root(), "arn:aws:iam::123456789012:user/bob", "SERVICE_LEVEL")), "iam 0", "lambda 0")
}

// roleSession is a session of a role.
func (h *harness) roleSession(name string) (p *door.Principal) {
	h.t.Helper()
	h.must(h.view(func(r store.Reader) (err error) {
		p, err = h.iam.Named(r, "arn:aws:iam::123456789012:role/"+name)
		return err
	}))
	return p
}

func TestLastAccessedWithEntities(t *testing.T) {
	h := accessWorld(t)
	now := time.Now()
	h.iam.Acted(h.user("bob"), "iam:ListUsers", "us-east-1", now.Add(-time.Hour))
	h.iam.Acted(h.user("alice"), "iam:ListRoles", "us-east-1", now)
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: str("carol"), Path: str("/x/")})
	do(h, h.root(), api.OpAddUserToGroup, &api.AddUserToGroupRequest{GroupName: str("devs"), UserName: str("carol")})
	job := do(h, h.root(), api.OpGenerateServiceLastAccessedDetails, &api.GenerateServiceLastAccessedDetailsRequest{Arn: str("arn:aws:iam::123456789012:group/devs")}).JobId
	var got []string
	in := &api.GetServiceLastAccessedDetailsWithEntitiesRequest{JobId: job, ServiceNamespace: str("iam"), MaxItems: ptrTo(int64(2))}
	for {
		out := do(h, h.root(), api.OpGetServiceLastAccessedDetailsWithEntities, in)
		for _, e := range out.EntityDetailsList {
			got = append(got, *e.EntityInfo.Type+" "+*e.EntityInfo.Path+" "+*e.EntityInfo.Name+" "+fmt.Sprint(e.LastAuthenticated != nil))
		}
		if !*out.IsTruncated {
			break
		}
		in.Marker = out.Marker
	}
	wantLines(t, "who acted", got, "USER / alice true", "USER / bob true", "USER /x/ carol false")
	in.ServiceNamespace, in.Marker = str("s3"), nil
	if code := try(h, h.root(), api.OpGetServiceLastAccessedDetailsWithEntities, in); code != "NoSuchEntity" {
		t.Errorf("of a service that the report does not have: %q", code)
	}
}

// A report is for who asked for it, and is forgotten.
func TestReportsAreTheirOwnersOnly(t *testing.T) {
	h := accessWorld(t)
	may := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:GenerateServiceLastAccessedDetails","iam:GetServiceLastAccessedDetails"],"Resource":"*"}}`
	for _, name := range []string{"alice", "bob"} {
		do(h, h.root(), api.OpPutUserPolicy, &api.PutUserPolicyRequest{UserName: &name, PolicyName: str("own"), PolicyDocument: &may})
	}
	job := do(h, h.user("alice"), api.OpGenerateServiceLastAccessedDetails, &api.GenerateServiceLastAccessedDetailsRequest{Arn: str("arn:aws:iam::123456789012:user/alice")}).JobId
	in := &api.GetServiceLastAccessedDetailsRequest{JobId: job}
	do(h, h.user("alice"), api.OpGetServiceLastAccessedDetails, in)
	for _, other := range []*door.Principal{h.user("bob"), h.root()} {
		if code := try(h, other, api.OpGetServiceLastAccessedDetails, in); code != "NoSuchEntity" {
			t.Errorf("%s reads it: %q", other.ARN, code)
		}
	}
}

// Everything that there is to do, by someone who may do everything.
func TestLastAccessedOfAnAdministrator(t *testing.T) {
	h := newHarness(t)
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: str("admin")})
	do(h, h.root(), api.OpAttachUserPolicy, &api.AttachUserPolicyRequest{UserName: str("admin"), PolicyArn: str("arn:aws:iam::aws:policy/AdministratorAccess")})
	job := do(h, h.root(), api.OpGenerateServiceLastAccessedDetails, &api.GenerateServiceLastAccessedDetailsRequest{
		Arn: str("arn:aws:iam::123456789012:user/admin"), Granularity: str("ACTION_LEVEL"),
	}).JobId
	out := do(h, h.root(), api.OpGetServiceLastAccessedDetails, &api.GetServiceLastAccessedDetailsRequest{JobId: job, MaxItems: ptrTo(int64(1000))})
	if len(out.ServicesLastAccessed) < 300 {
		t.Errorf("%d services", len(out.ServicesLastAccessed))
	}
	for _, a := range out.ServicesLastAccessed {
		if (len(a.TrackedActionsLastAccessed) > 0) != (*a.ServiceNamespace == "iam") {
			t.Errorf("%d actions of %s", len(a.TrackedActionsLastAccessed), *a.ServiceNamespace)
		}
	}
}

func TestActsAreBounded(t *testing.T) {
	h := newHarness(t)
	p := &door.Principal{Principal: policy.Principal{Kind: policy.PrincipalUser, Account: doortest.Account, UserID: "AIDAX"}}
	for i := range maxActs + 10 {
		h.iam.Acted(p, fmt.Sprint("lambda:", i), "us-east-1", time.Now())
	}
	h.iam.Acted(h.root(), "lambda:Invoke", "us-east-1", time.Now())
	if n := len(h.iam.acts.pending); n != maxActs {
		t.Errorf("%d acts are pending", n)
	}
	known := "lambda:1"
	if n := testing.AllocsPerRun(100, func() { h.iam.Acted(p, known, "us-east-1", time.Time{}) }); n != 0 {
		t.Errorf("%v allocations to note what is known", n)
	}
}
