package organizations

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"cloister/internal/awsapi"
	iamapi "cloister/internal/awsapi/iam"
	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/store"
	"cloister/policy"
)

const denyRoles = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateRole","Resource":"*"}]}`

func (h *harness) of(account string) *door.Membership {
	h.t.Helper()
	m, err := h.orgs.Of(account)
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

// names are the policies of each level.
func names(levels [][]policy.Named) [][]string {
	return each(levels, func(level []policy.Named) []string {
		return each(level, func(n policy.Named) string { return n.Name })
	})
}

func TestMembership(t *testing.T) {
	h := newHarness(t)
	if m := h.of(doortest.Account); !m.Active() || m.Organization != "" || m.ServiceControl != nil {
		t.Errorf("the first account is %+v", m)
	}
	if m := h.of("999999999999"); m.Active() || m.Exists {
		t.Errorf("an account that nobody made is %+v", m)
	}
	top := h.organize()
	member := h.newAccount("dev")
	unit := *do(h, h.Root(), api.OpCreateOrganizationalUnit, &api.CreateOrganizationalUnitRequest{ParentId: &top, Name: awsapi.Ptr("u")}).OrganizationalUnit.Id
	do(h, h.Root(), api.OpMoveAccount, &api.MoveAccountRequest{AccountId: &member, SourceParentId: &top, DestinationParentId: &unit})
	scpID := h.newPolicy(scp, "no roles", denyRoles)
	do(h, h.Root(), api.OpAttachPolicy, &api.AttachPolicyRequest{PolicyId: &scpID, TargetId: &unit})

	m := h.of(member)
	full := "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess"
	own := "arn:aws:organizations::123456789012:policy/" + m.Organization + "/service_control_policy/" + scpID
	want := [][]string{{full}, {full, own}, {full}}
	if got := names(m.ServiceControl); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("levels %q, not %q", got, want)
	}
	if m.Path != m.Organization+"/"+top+"/"+unit+"/" || m.Management != doortest.Account || m.ResourceControl != nil {
		t.Errorf("the member is %+v", m)
	}
	if m := h.of(doortest.Account); m.ServiceControl != nil || m.Path != m.Organization+"/"+top+"/" {
		t.Errorf("the management account is %+v", m)
	}
}

// Whatever is changed that decides about an account counts at its next call.
func TestPoliciesCountAtOnce(t *testing.T) {
	h := newHarness(t)
	top := h.organize()
	member := h.newAccount("dev")
	unit := *do(h, h.Root(), api.OpCreateOrganizationalUnit, &api.CreateOrganizationalUnitRequest{ParentId: &top, Name: awsapi.Ptr("u")}).OrganizationalUnit.Id
	id := h.newPolicy(scp, "no roles", denyRoles)
	attach := func(to string) func() {
		return func() {
			do(h, h.Root(), api.OpAttachPolicy, &api.AttachPolicyRequest{PolicyId: &id, TargetId: &to})
		}
	}
	detach := func(from string) func() {
		return func() {
			do(h, h.Root(), api.OpDetachPolicy, &api.DetachPolicyRequest{PolicyId: &id, TargetId: &from})
		}
	}
	says := func(content string) func() {
		return func() {
			do(h, h.Root(), api.OpUpdatePolicy, &api.UpdatePolicyRequest{PolicyId: &id, Content: &content})
		}
	}
	move := func(from, to string) func() {
		return func() {
			do(h, h.Root(), api.OpMoveAccount, &api.MoveAccountRequest{AccountId: &member, SourceParentId: &from, DestinationParentId: &to})
		}
	}
	for _, c := range []struct {
		change  string
		make    func()
		allowed bool
	}{
		{"nothing", func() {}, true},
		{"attach to the account", attach(member), false},
		{"detach from the account", detach(member), true},
		{"attach to the root", attach(top), false},
		{"say something else", says(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`), true},
		{"say it again", says(denyRoles), false},
		{"detach from the root", detach(top), true},
		{"attach to a unit of others", attach(unit), true},
		{"move into the unit", move(top, unit), false},
		{"move out of it", move(unit, top), true},
		{"move into it again", move(top, unit), false},
		{"disable the type", func() {
			do(h, h.Root(), api.OpDisablePolicyType, &api.DisablePolicyTypeRequest{RootId: &top, PolicyType: awsapi.Ptr(scp)})
		}, true},
		{"enable the type", func() {
			do(h, h.Root(), api.OpEnablePolicyType, &api.EnablePolicyTypeRequest{RootId: &top, PolicyType: awsapi.Ptr(scp)})
		}, true},
		{"attach to the unit", attach(unit), false},
		{"leave", func() {
			do(h, h.Root(), api.OpRemoveAccountFromOrganization, &api.RemoveAccountFromOrganizationRequest{AccountId: &member})
		}, true},
	} {
		c.make()
		if got := h.mayMakeRoles(member); got != c.allowed {
			t.Errorf("after %s the member may make roles: %t", c.change, got)
		}
		if !h.mayMakeRoles(doortest.Account) {
			t.Errorf("after %s the management account is bound", c.change)
		}
	}
}

// mayMakeRoles asks as the root user of an account.
func (h *harness) mayMakeRoles(account string) bool {
	h.t.Helper()
	in := &iamapi.CreateRoleRequest{RoleName: awsapi.Ptr("r"), AssumeRolePolicyDocument: awsapi.Ptr("{}")}
	switch code := try(h, root(account), iamapi.OpCreateRole, in); code {
	case "":
		return true
	case "AccessDenied":
		return false
	default:
		h.t.Fatal(code)
		return false
	}
}

// While readers ask all the time, a policy is attached and detached. A reader
// whose question began after a change was acknowledged, and ended before the
// next one was begun, must get the answer of that change.
func TestChangesAreImmediateUnderConcurrentReaders(t *testing.T) {
	h := newHarness(t)
	h.organize()
	member := h.newAccount("dev")
	id := h.newPolicy(scp, "no roles", denyRoles)
	var epoch, wrong, checked atomic.Int64
	var attached, stop atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for !stop.Load() {
				before, want := epoch.Load(), attached.Load()
				m, err := h.orgs.Of(member)
				if err != nil || before%2 == 1 || epoch.Load() != before {
					continue
				}
				checked.Add(1)
				if (len(m.ServiceControl[1]) == 2) != want {
					wrong.Add(1)
				}
			}
		})
	}
	for range 30 {
		epoch.Add(1)
		do(h, h.Root(), api.OpAttachPolicy, &api.AttachPolicyRequest{PolicyId: &id, TargetId: &member})
		attached.Store(true)
		epoch.Add(1)
		h.of(member)
		epoch.Add(1)
		do(h, h.Root(), api.OpDetachPolicy, &api.DetachPolicyRequest{PolicyId: &id, TargetId: &member})
		attached.Store(false)
		epoch.Add(1)
		h.of(member)
	}
	stop.Store(true)
	readers.Wait()
	if wrong.Load() > 0 || checked.Load() == 0 {
		t.Errorf("%d of %d answers are those of before the change", wrong.Load(), checked.Load())
	}
}

// What was read before a change and is offered after it is not remembered.
func TestLateLoaderIsNotRemembered(t *testing.T) {
	h := newHarness(t)
	h.organize()
	member := h.newAccount("dev")
	since, old := h.orgs.members.now(), h.of(member)
	id := h.newPolicy(scp, "no roles", denyRoles)
	do(h, h.Root(), api.OpAttachPolicy, &api.AttachPolicyRequest{PolicyId: &id, TargetId: &member})
	h.orgs.members.keep(since, old)
	if h.mayMakeRoles(member) {
		t.Error("what was read before the change decides after it")
	}
}

// A policy that cannot be read denies.
func TestUnreadablePoliciesDeny(t *testing.T) {
	h := newHarness(t)
	h.organize()
	member := h.newAccount("dev")
	id := h.newPolicy(scp, "no roles", denyRoles)
	do(h, h.Root(), api.OpAttachPolicy, &api.AttachPolicyRequest{PolicyId: &id, TargetId: &member})
	broken := func(content string) {
		err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
			o, err := orgOf(tx, doortest.Account)
			if err != nil {
				return err
			}
			p, err := o.policy(tx, id)
			if err != nil {
				return err
			}
			p.Content = content
			return p.put(tx)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	broken(`{"Statement":`)
	in := &iamapi.CreateRoleRequest{RoleName: awsapi.Ptr("r"), AssumeRolePolicyDocument: awsapi.Ptr("{}")}
	_, err := door.Do(context.Background(), h.Door, root(member), iamapi.OpCreateRole, in)
	var wire *awsapi.Error
	if !errors.As(err, &wire) || wire.Code != "ServiceUnavailable" {
		t.Errorf("a call under a policy that cannot be read gives %v", err)
	}
	broken(denyRoles)
}

func TestCreation(t *testing.T) {
	h := newHarness(t)
	h.organize()
	ask := func(name string) string {
		t.Helper()
		out := do(h, h.Root(), api.OpCreateAccount, &api.CreateAccountRequest{AccountName: &name, Email: awsapi.Ptr(name + "@example.org")})
		return *out.CreateAccountStatus.Id
	}
	status := func(id string) *api.CreateAccountStatus {
		t.Helper()
		return do(h, h.Root(), api.OpDescribeCreateAccountStatus, &api.DescribeCreateAccountStatusRequest{CreateAccountRequestId: &id}).CreateAccountStatus
	}

	// What may pass is tried again.
	first := ask("first")
	h.refuses = &awsapi.Error{Code: "ServiceUnavailable", Status: 503}
	if err := h.orgs.Settle(context.Background()); err == nil || *status(first).State != "IN_PROGRESS" {
		t.Errorf("%v, %s", err, *status(first).State)
	}
	h.refuses = nil
	h.settle()
	made := status(first)
	if *made.State != "SUCCEEDED" || len(h.roles) != 1 {
		t.Fatalf("%s, %q", *made.State, h.roles)
	}
	trust, _ := json.Marshal("arn:aws:iam::" + doortest.Account + ":root")
	want := *made.AccountId + `/OrganizationAccountAccessRole {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":` + string(trust) + `},"Action":"sts:AssumeRole"}]}`
	if h.roles[0] != want {
		t.Errorf("made %s", h.roles[0])
	}

	// What will not pass ends it, and the account is none.
	second := ask("second")
	h.refuses = awsapi.Errorf("LimitExceeded", "no")
	h.settle()
	if made := status(second); *made.State != "FAILED" || *made.FailureReason != "INTERNAL_FAILURE" || made.AccountId != nil {
		t.Errorf("%+v", made)
	}
	h.refuses = nil
	var failed string
	err := h.DB.View(context.Background(), func(r store.Reader) error {
		return scan(r, accounts, func(a *account) error {
			if a.State == accountFailed {
				failed = a.ID
			}
			return nil
		})
	})
	if err != nil || failed == "" || h.of(failed).Active() {
		t.Errorf("account %q that could not be made is %+v (%v)", failed, h.of(failed), err)
	}

	// The policies of the organisation do not keep an account from being made.
	root := *do(h, h.Root(), api.OpListRoots, &api.ListRootsRequest{}).Roots[0].Id
	id := h.newPolicy(scp, "no roles", denyRoles)
	do(h, h.Root(), api.OpAttachPolicy, &api.AttachPolicyRequest{PolicyId: &id, TargetId: &root})
	if h.mayMakeRoles(h.newAccount("third")) {
		t.Error("the root's policy does not bind a new account")
	}
}

func TestPages(t *testing.T) {
	h := newHarness(t)
	top := h.organize()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		do(h, h.Root(), api.OpCreateOrganizationalUnit, &api.CreateOrganizationalUnitRequest{ParentId: &top, Name: &name})
	}
	in := &api.ListOrganizationalUnitsForParentRequest{ParentId: &top, MaxResults: awsapi.Ptr[int64](2)}
	var seen []string
	for pages := 1; ; pages++ {
		out := do(h, h.Root(), api.OpListOrganizationalUnitsForParent, in)
		for _, u := range out.OrganizationalUnits {
			seen = append(seen, *u.Name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if slices.Sort(seen); !slices.Equal(seen, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("saw %q", seen)
	}
	in.NextToken = awsapi.Ptr("bm8")
	if code := try(h, h.Root(), api.OpListOrganizationalUnitsForParent, in); code != "InvalidInputException" {
		t.Errorf("a token that is none gives %q", code)
	}
}

func TestAttachmentsAreBounded(t *testing.T) {
	h := newHarness(t)
	top := h.organize()
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		id := h.newPolicy(scp, name, denyRoles)
		code := try(h, h.Root(), api.OpAttachPolicy, &api.AttachPolicyRequest{PolicyId: &id, TargetId: &top})
		if (code == "") != (i < maxAttached-1) || code != "" && code != "ConstraintViolationException" {
			t.Errorf("policy %d: %q", i+2, code)
		}
	}
}
