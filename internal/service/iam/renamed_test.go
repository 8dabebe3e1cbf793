package iam

import (
	"context"
	"slices"
	"testing"

	api "cloister/internal/awsapi/iam"
	"cloister/internal/door/doortest"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// findings are the account's of a status, as "text".
func (h *harness) findings(status guardrail.Status) (texts []string) {
	h.t.Helper()
	h.must(h.view(func(r store.Reader) error {
		found, _, err := guardrail.Findings(r, doortest.Account, status, "", 100)
		for _, f := range found {
			texts = append(texts, f.Resource+": "+f.Text)
		}
		return err
	}))
	return texts
}

// What was found of a user or group is found under the name that it has now, and
// is resolved there.
func TestFindingsMoveWithTheName(t *testing.T) {
	h := newHarness(t)
	h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error {
		return guardrail.Set(tx, doortest.Account, "CLO-IAM-001", &guardrail.Setting{Mode: guardrail.Warn})
	}))
	all := `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	do(h, h.root(), api.OpCreateUser, &api.CreateUserRequest{UserName: str("old")})
	do(h, h.root(), api.OpCreateGroup, &api.CreateGroupRequest{GroupName: str("old")})
	do(h, h.root(), api.OpPutUserPolicy, &api.PutUserPolicyRequest{UserName: str("old"), PolicyName: str("p"), PolicyDocument: &all})
	do(h, h.root(), api.OpPutGroupPolicy, &api.PutGroupPolicyRequest{GroupName: str("old"), PolicyName: str("p"), PolicyDocument: &all})
	do(h, h.root(), api.OpUpdateUser, &api.UpdateUserRequest{UserName: str("old"), NewUserName: str("new"), NewPath: str("/x/")})
	do(h, h.root(), api.OpUpdateGroup, &api.UpdateGroupRequest{GroupName: str("old"), NewGroupName: str("new")})
	want := []string{
		"arn:aws:iam::123456789012:group/new: inline policy p of arn:aws:iam::123456789012:group/new gives every action on every resource (statement 1)",
		"arn:aws:iam::123456789012:user/x/new: inline policy p of arn:aws:iam::123456789012:user/x/new gives every action on every resource (statement 1)",
	}
	got := h.findings(guardrail.Active)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("found\n%q, want\n%q", got, want)
	}
	do(h, h.root(), api.OpDeleteUserPolicy, &api.DeleteUserPolicyRequest{UserName: str("new"), PolicyName: str("p")})
	do(h, h.root(), api.OpDeleteGroupPolicy, &api.DeleteGroupPolicyRequest{GroupName: str("new"), PolicyName: str("p")})
	if got := h.findings(guardrail.Active); len(got) != 0 {
		t.Errorf("still found: %q", got)
	}
}
