package iam

import (
	"context"
	"strings"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/door/session"
	"cloister/internal/store"
	"cloister/policy"
)

const (
	allowList  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}}`
	denyList   = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:ListUsers","Resource":"*"}}`
	allowIAM   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}`
	trustsRoot = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`
)

// newUser makes a user with an access key.
func (h *harness) newUser(name string) *api.AccessKey {
	h.t.Helper()
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: &name})
	return do(h, h.root(), api.OpCreateAccessKey, &api.CreateAccessKeyRequest{UserName: &name}).AccessKey
}

// newRole makes a role and returns its unique id.
func (h *harness) newRole(name string, tags ...*api.Tag) string {
	h.t.Helper()
	role := do(h, h.root(), api.OpCreateRole, &api.CreateRoleRequest{
		RoleName: &name, AssumeRolePolicyDocument: awsapi.Ptr(trustsRoot), Tags: tags,
	}).Role
	return *role.RoleId
}

// credential looks a credential up as the door does; code is the error's.
func (h *harness) credential(id, token string) (c *door.Credential, code string) {
	c, err := h.iam.Credential(context.Background(), id, token)
	if err != nil {
		return nil, err.Code
	}
	return c, ""
}

func (h *harness) wantCredential(want, id, token string) *door.Credential {
	h.t.Helper()
	c, code := h.credential(id, token)
	if code != want {
		h.t.Fatalf("credential %s: %q, want %q", id, code, want)
	}
	return c
}

// mayList asks the policies as they are now.
func (h *harness) mayList(p *door.Principal) bool {
	bound, ok := h.iam.Policies(p)
	if !ok {
		return false
	}
	return policy.Evaluate(bound, &policy.Request{
		Principal: p.Principal, Action: "iam:ListUsers", Resource: "*", Context: policy.MapContext{},
	}).Allowed
}

func (h *harness) wantList(want bool, p *door.Principal, when string) {
	h.t.Helper()
	if got := h.mayList(p); got != want {
		h.t.Fatalf("%s: may list is %v, want %v", when, got, want)
	}
}

func (h *harness) token(s *session.Session) string {
	h.t.Helper()
	token, err := session.Token(h.Keys, s)
	h.must(err)
	return token
}

func roleSession(roleID string) *session.Session {
	id, secret := session.NewAccessKey(session.TemporaryPrefix)
	now := time.Now().Truncate(time.Second)
	return &session.Session{
		AccessKeyID: id, Secret: secret, Kind: policy.PrincipalAssumedRole, Account: doortest.Account,
		EntityID: roleID, Name: "s1", Issued: now, Expires: now.Add(time.Hour),
	}
}

func TestAccessKeyIsGoodWhileItIsActive(t *testing.T) {
	h := newHarness(t)
	key := h.newUser("alice")
	c := h.wantCredential("", *key.AccessKeyId, "")
	if string(c.Secret.Reveal()) != *key.SecretAccessKey {
		t.Error("the secret is another than CreateAccessKey answered")
	}
	if c.Principal.ARN != "arn:aws:iam::123456789012:user/alice" || c.Principal.AccessKeyID != *key.AccessKeyId || c.Principal.Name != "alice" {
		t.Errorf("the principal is %+v", c.Principal)
	}
	h.wantCredential("InvalidClientTokenId", *key.AccessKeyId, "some token")
	h.wantCredential("InvalidClientTokenId", "AKIANOSUCHKEYNOSUCHK", "")

	set := func(status string) {
		do(h, h.root(), api.OpUpdateAccessKey, &api.UpdateAccessKeyRequest{UserName: key.UserName, AccessKeyId: key.AccessKeyId, Status: &status})
	}
	set("Inactive")
	h.wantCredential("InvalidClientTokenId", *key.AccessKeyId, "")
	set("Active")
	h.wantCredential("", *key.AccessKeyId, "")

	do(h, h.root(), api.OpUpdateUser, &api.UpdateUserRequest{UserName: key.UserName, NewUserName: awsapi.Ptr("alicia")})
	if c := h.wantCredential("", *key.AccessKeyId, ""); c.Principal.ARN != "arn:aws:iam::123456789012:user/alicia" {
		t.Errorf("after the user was renamed the key is of %s", c.Principal.ARN)
	}
	do(h, h.root(), api.OpDeleteAccessKey, &api.DeleteAccessKeyRequest{UserName: awsapi.Ptr("alicia"), AccessKeyId: key.AccessKeyId})
	h.wantCredential("InvalidClientTokenId", *key.AccessKeyId, "")
}

func TestRootKey(t *testing.T) {
	h := newHarness(t)
	c := h.wantCredential("", rootKeyID, "")
	if c.Principal.Kind != policy.PrincipalRoot || c.Principal.ARN != "arn:aws:iam::123456789012:root" {
		t.Errorf("root is %+v", c.Principal)
	}
	h.wantCredential("InvalidClientTokenId", rootKeyID, "some token")
}

// Each way of giving or taking a permission counts from when it is
// acknowledged, for a principal whose policies are remembered.
func TestChangesCountAtOnce(t *testing.T) {
	h := newHarness(t)
	root := h.root()
	key := h.newUser("alice")
	alice, group, arn := key.UserName, awsapi.Ptr("devs"), awsapi.Ptr("arn:aws:iam::123456789012:policy/list")
	p := h.wantCredential("", *key.AccessKeyId, "").Principal
	want := func(may bool, when string) { t.Helper(); h.wantList(may, p, when) }
	want(false, "a new user")

	do(h, root, api.OpPutUserPolicy, &api.PutUserPolicyRequest{UserName: alice, PolicyName: group, PolicyDocument: awsapi.Ptr(allowList)})
	want(true, "inline policy put")
	do(h, root, api.OpDeleteUserPolicy, &api.DeleteUserPolicyRequest{UserName: alice, PolicyName: group})
	want(false, "inline policy deleted")

	do(h, root, api.OpCreatePolicy, &api.CreatePolicyRequest{PolicyName: awsapi.Ptr("list"), PolicyDocument: awsapi.Ptr(allowList)})
	do(h, root, api.OpAttachUserPolicy, &api.AttachUserPolicyRequest{UserName: alice, PolicyArn: arn})
	want(true, "managed policy attached")
	do(h, root, api.OpCreatePolicyVersion, &api.CreatePolicyVersionRequest{PolicyArn: arn, PolicyDocument: awsapi.Ptr(denyList), SetAsDefault: awsapi.Ptr(true)})
	want(false, "new default version")
	do(h, root, api.OpSetDefaultPolicyVersion, &api.SetDefaultPolicyVersionRequest{PolicyArn: arn, VersionId: awsapi.Ptr("v1")})
	want(true, "old version made default")
	do(h, root, api.OpDetachUserPolicy, &api.DetachUserPolicyRequest{UserName: alice, PolicyArn: arn})
	want(false, "managed policy detached")

	do(h, root, api.OpCreateGroup, &api.CreateGroupRequest{GroupName: group})
	do(h, root, api.OpAttachGroupPolicy, &api.AttachGroupPolicyRequest{GroupName: group, PolicyArn: arn})
	want(false, "not in the group")
	do(h, root, api.OpAddUserToGroup, &api.AddUserToGroupRequest{GroupName: group, UserName: alice})
	want(true, "added to the group")
	do(h, root, api.OpPutGroupPolicy, &api.PutGroupPolicyRequest{GroupName: group, PolicyName: group, PolicyDocument: awsapi.Ptr(denyList)})
	want(false, "group denies")
	do(h, root, api.OpDeleteGroupPolicy, &api.DeleteGroupPolicyRequest{GroupName: group, PolicyName: group})
	want(true, "group no longer denies")

	do(h, root, api.OpPutUserPermissionsBoundary, &api.PutUserPermissionsBoundaryRequest{UserName: alice, PermissionsBoundary: awsapi.Ptr("arn:aws:iam::aws:policy/CloudWatchLogsReadOnlyAccess")})
	want(false, "boundary put")
	do(h, root, api.OpDeleteUserPermissionsBoundary, &api.DeleteUserPermissionsBoundaryRequest{UserName: alice})
	want(true, "boundary deleted")
	do(h, root, api.OpRemoveUserFromGroup, &api.RemoveUserFromGroupRequest{GroupName: group, UserName: alice})
	want(false, "removed from the group")
}

func TestRecreatedUserInheritsNothing(t *testing.T) {
	h := newHarness(t)
	key := h.newUser("alice")
	old := h.wantCredential("", *key.AccessKeyId, "").Principal
	do(h, h.root(), api.OpDeleteAccessKey, &api.DeleteAccessKeyRequest{UserName: key.UserName, AccessKeyId: key.AccessKeyId})
	do(h, h.root(), api.OpDeleteUser, &api.DeleteUserRequest{UserName: key.UserName})
	if _, ok := h.iam.Policies(old); ok {
		t.Error("a deleted user has policies")
	}
	h.newUser("alice")
	if _, ok := h.iam.Policies(old); ok {
		t.Error("the principal of the first alice is bound like the second")
	}
}

func TestSessionEndsWithItsRole(t *testing.T) {
	h := newHarness(t)
	s := roleSession(h.newRole("fn", &api.Tag{Key: awsapi.Ptr("Team"), Value: awsapi.Ptr("red")}, &api.Tag{Key: awsapi.Ptr("a"), Value: awsapi.Ptr("of-the-role")}))
	s.Tags = map[string]string{"A": "of-the-session"}
	token := h.token(s)
	p := h.wantCredential("", s.AccessKeyID, token).Principal
	if p.ARN != "arn:aws:sts::123456789012:assumed-role/fn/s1" || p.RoleARN != "arn:aws:iam::123456789012:role/fn" || p.UserID != s.EntityID+":s1" {
		t.Errorf("the principal is %+v", p)
	}
	if len(p.Tags) != 2 || p.Tags["A"] != "of-the-session" || p.Tags["Team"] != "red" {
		t.Errorf("the tags are %v: session tags go over the role's, in any case", p.Tags)
	}
	h.wantCredential("InvalidClientTokenId", s.AccessKeyID, "")
	h.wantCredential("InvalidClientTokenId", "ASIAOTHEROTHEROTHER2", token)

	do(h, h.root(), api.OpDeleteRole, &api.DeleteRoleRequest{RoleName: awsapi.Ptr("fn")})
	h.wantCredential("InvalidClientTokenId", s.AccessKeyID, token)
	if _, ok := h.iam.Policies(p); ok {
		t.Error("a session of a deleted role has policies")
	}
	h.newRole("fn")
	h.wantCredential("InvalidClientTokenId", s.AccessKeyID, token)
}

func TestSessionExpires(t *testing.T) {
	h := newHarness(t)
	s := roleSession(h.newRole("fn"))
	token := h.token(s)
	h.wantCredential("", s.AccessKeyID, token)
	h.iam.now = func() time.Time { return s.Expires.Add(-time.Nanosecond) }
	h.wantCredential("", s.AccessKeyID, token)
	h.iam.now = func() time.Time { return s.Expires }
	h.wantCredential("ExpiredToken", s.AccessKeyID, token)
}

func TestSessionPoliciesNarrow(t *testing.T) {
	h := newHarness(t)
	root := h.root()
	roleID := h.newRole("fn")
	do(h, root, api.OpPutRolePolicy, &api.PutRolePolicyRequest{RoleName: awsapi.Ptr("fn"), PolicyName: awsapi.Ptr("p"), PolicyDocument: awsapi.Ptr(allowIAM)})
	open := func(change func(*session.Session)) *door.Principal {
		t.Helper()
		s := roleSession(roleID)
		change(s)
		return h.wantCredential("", s.AccessKeyID, h.token(s)).Principal
	}
	h.wantList(true, open(func(*session.Session) {}), "no session policy")
	h.wantList(true, open(func(s *session.Session) { s.Policy = allowList }), "a session policy that allows")
	h.wantList(false, open(func(s *session.Session) { s.Policy = denyList }), "a session policy that denies")

	arn := "arn:aws:iam::123456789012:policy/list"
	p := open(func(s *session.Session) { s.PolicyARNs = []string{arn} })
	h.wantList(false, p, "a managed session policy that does not exist")
	do(h, root, api.OpCreatePolicy, &api.CreatePolicyRequest{PolicyName: awsapi.Ptr("list"), PolicyDocument: awsapi.Ptr(allowList)})
	h.wantList(true, p, "a managed session policy")
	do(h, root, api.OpCreatePolicyVersion, &api.CreatePolicyVersionRequest{PolicyArn: &arn, PolicyDocument: awsapi.Ptr(denyList), SetAsDefault: awsapi.Ptr(true)})
	h.wantList(false, p, "a managed session policy that changed")
	h.wantList(true, open(func(s *session.Session) { s.PolicyARNs = []string{"arn:aws:iam::aws:policy/IAMReadOnlyAccess"} }), "one of AWS's")
}

// Sessions of GetSessionToken are closed to IAM without MFA.
func TestSessionTokenWithoutMFAIsRefusedByIAM(t *testing.T) {
	h := newHarness(t)
	for _, p := range []*door.Principal{h.root(), h.user(*h.newUser("alice").UserName)} {
		temporary := *p
		temporary.IssuedAt = time.Now()
		if got := try(h, &temporary, api.OpListUsers, &api.ListUsersRequest{}); got != "InvalidClientTokenId" {
			t.Errorf("%s without MFA gets %q", p.ARN, got)
		}
		temporary.MFA = true
		if got := try(h, &temporary, api.OpListUsers, &api.ListUsersRequest{}); got == "InvalidClientTokenId" {
			t.Errorf("%s with MFA gets %q", p.ARN, got)
		}
	}
}

// Policies that cannot be read in full deny everything.
func TestUnreadablePoliciesDenyEverything(t *testing.T) {
	h := newHarness(t)
	key := h.newUser("alice")
	do(h, h.root(), api.OpPutUserPolicy, &api.PutUserPolicyRequest{UserName: key.UserName, PolicyName: awsapi.Ptr("p"), PolicyDocument: awsapi.Ptr(allowList)})
	p := h.wantCredential("", *key.AccessKeyId, "").Principal
	change := func(fn func(*user)) {
		h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error {
			u, err := userKind.find(tx, doortest.Account, "alice")
			if err != nil {
				return err
			}
			fn(u)
			return userKind.put(tx, u)
		}))
	}
	h.wantList(true, p, "before")
	change(func(u *user) { u.Inline = append(u.Inline, Document{"z", "{"}) })
	h.wantList(false, p, "a document that does not parse")
	change(func(u *user) { u.Inline, u.Attached = u.Inline[:1], []string{"arn:aws:iam::123456789012:policy/gone"} })
	h.wantList(false, p, "an attached policy that is gone")
	change(func(u *user) { u.Attached, u.Boundary = nil, "arn:aws:iam::123456789012:policy/gone" })
	h.wantList(false, p, "a boundary that is gone")
	change(func(u *user) { u.Boundary, u.Groups = "", []string{"AGPAGONE"} })
	h.wantList(false, p, "a group that is gone")
	change(func(u *user) { u.Groups = nil })
	h.wantList(true, p, "after")
}

func TestDirectoryDoesNotAllocateOnceWarm(t *testing.T) {
	h := newHarness(t)
	key := h.newUser("alice")
	s := roleSession(h.newRole("fn"))
	s.Policy, s.PolicyARNs = allowList, []string{"arn:aws:iam::aws:policy/IAMReadOnlyAccess"}
	token := h.token(s)
	ctx := context.Background()
	for _, k := range []struct{ id, token string }{{*key.AccessKeyId, ""}, {s.AccessKeyID, token}, {rootKeyID, ""}} {
		allocs := testing.AllocsPerRun(100, func() {
			c, err := h.iam.Credential(ctx, k.id, k.token)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := h.iam.Policies(c.Principal); !ok {
				t.Fatal("no policies")
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations a look-up", strings.TrimRight(k.id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), allocs)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(10)
	for i := range 1000 {
		name := string(rune('a'+i%26)) + time.Duration(i).String()
		given, ok := c.lease(c.now(), []string{"row " + name})
		if !ok {
			t.Fatal("nothing changed, and no lease is given")
		}
		c.keepBinding(name, &binding{leases: given})
		c.keepCredential(name, &credential{leases: given})
	}
	if len(c.bindings) > 10 || len(c.credentials) > 10 || len(c.leases) > 4*10+1 {
		t.Errorf("%d bindings, %d credentials, %d leases", len(c.bindings), len(c.credentials), len(c.leases))
	}
}

// What was read before a change and is offered after it is not remembered.
func TestLateLoaderIsNotRemembered(t *testing.T) {
	c := newCache(10)
	since := c.now()
	c.changed("user x")
	if _, ok := c.lease(since, []string{"user x"}); ok {
		t.Error("a lease is given on a row that changed while it was read")
	}
}

func TestCompilerSharesAndForgets(t *testing.T) {
	c := newCompiler()
	a, err := c.compile(policy.KindIdentity, allowList)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := c.compile(policy.KindIdentity, allowList); a != b {
		t.Error("the same text is compiled twice")
	}
	if b, _ := c.compile(policy.KindSession, allowList); a == b {
		t.Error("another kind shares the policy")
	}
	big := strings.Replace(allowList, " ", "", -1)
	for i := range 40 {
		text := big + strings.Repeat(" ", 1<<19+i)
		if _, err := c.compile(policy.KindIdentity, text); err != nil {
			t.Fatal(err)
		}
	}
	if c.bytes > maxCompiled {
		t.Errorf("%d bytes are kept", c.bytes)
	}
}
