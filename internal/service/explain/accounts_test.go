package explain_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	iamapi "cloister/internal/awsapi/iam"
	"cloister/internal/awsapi/platform"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/policy"
)

const other = "210987654321"

func rootOf(account string) *door.Principal {
	return &door.Principal{Principal: policy.Principal{
		Kind: policy.PrincipalRoot, ARN: "arn:aws:iam::" + account + ":root", Account: account, UserID: account,
	}}
}

// askAs explains as somebody and gives the code of the error, "" for none.
func (w *world) askAs(as *door.Principal, in *platform.ExplainRequest) (*platform.ExplainResponse, string) {
	w.t.Helper()
	out, err := door.Do(context.Background(), w.Door, as, platform.OpExplain, in)
	var wire *awsapi.Error
	if err != nil && !errors.As(err, &wire) {
		w.t.Fatal(err)
	}
	if wire == nil {
		return out, ""
	}
	return nil, wire.Code
}

// An account is told of its own, and of the accounts that it manages.
func TestWhoIsToldOfWhom(t *testing.T) {
	w := newWorld(t)
	do(w, rootOf(other), iamapi.OpCreateUser, &iamapi.CreateUserRequest{UserName: awsapi.Ptr("v")})
	otherARN := "arn:aws:iam::" + other + ":user/v"
	ask := func(as *door.Principal, who string) string {
		_, code := w.askAs(as, &platform.ExplainRequest{Principal: &who, Action: awsapi.Ptr("iam:GetUser"), Resource: awsapi.Ptr("*")})
		return code
	}
	for i, c := range []struct {
		as   string
		who  string
		code string
	}{
		{doortest.Account, userARN, ""}, {other, otherARN, ""},
		{other, userARN, "AccessDenied"}, {doortest.Account, otherARN, "AccessDenied"}, {other, "arn:aws:iam::" + doortest.Account + ":root", "AccessDenied"},
	} {
		if code := ask(rootOf(c.as), c.who); code != c.code {
			t.Errorf("%d: %q, not %q", i, code, c.code)
		}
	}
	deny, err := policy.Parse(policy.KindOrganization, []byte(policyOf(`"Effect":"Deny","Action":"iam:*","Resource":"*"`)))
	if err != nil {
		t.Fatal(err)
	}
	w.Accounts.Set(&door.Membership{
		Account: other, Exists: true, Organization: "o-1", Management: doortest.Account, Path: "o-1/r-1/",
		ServiceControl: [][]policy.Named{{{Name: "keep out", Policy: deny}}},
	})
	if code := ask(rootOf(doortest.Account), otherARN); code != "" {
		t.Errorf("the management account: %q", code)
	}
	if code := ask(rootOf(other), userARN); code != "AccessDenied" {
		t.Errorf("a member: %q", code)
	}
	out, _ := w.askAs(rootOf(doortest.Account), &platform.ExplainRequest{Principal: &otherARN, Action: awsapi.Ptr("iam:GetUser"), Resource: awsapi.Ptr("*")})
	e := out.Explanations[0]
	if e.Reason != "explicit deny in a service control policy" || e.Steps[0].Layer != "service control policy" || e.Steps[0].Level != 1 {
		t.Errorf("%+v", e)
	}
}

func TestWhoIsToldOfWhatHappened(t *testing.T) {
	w := newWorld(t)
	in := &platform.ExplainRequest{RequestID: awsapi.Ptr(w.denied(w.user()))}
	if _, code := w.askAs(w.Root(), in); code != "" {
		t.Errorf("its own account: %q", code)
	}
	if _, code := w.askAs(rootOf(other), in); code != "ResourceNotFoundException" {
		t.Errorf("another account: %q", code)
	}
	w.Accounts.Set(&door.Membership{Account: doortest.Account, Exists: true, Organization: "o-1", Management: other, Path: "o-1/r-1/"})
	if _, code := w.askAs(rootOf(other), in); code != "" {
		t.Errorf("the management account: %q", code)
	}
}

// What a resource's own policy says is its account's to know.
func TestResourcesOfOthersAreNotTold(t *testing.T) {
	w := newWorld(t)
	do(w, rootOf(other), iamapi.OpCreateRole, &iamapi.CreateRoleRequest{
		RoleName:                 awsapi.Ptr("r"),
		AssumeRolePolicyDocument: awsapi.Ptr(policyOf(`"Effect":"Allow","Principal":{"AWS":"` + doortest.Account + `"},"Action":"sts:AssumeRole"`)),
	})
	in := &platform.ExplainRequest{Principal: awsapi.Ptr(userARN), Action: awsapi.Ptr("sts:AssumeRole"), Resource: awsapi.Ptr("arn:aws:iam::" + other + ":role/r")}
	out, code := w.askAs(w.Root(), in)
	if code != "" || len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "that account's to know") {
		t.Fatalf("%q, %+v", code, out)
	}
	for _, step := range out.Explanations[0].Steps {
		if step.Layer == "resource-based policy" {
			t.Errorf("told of %+v", step)
		}
	}
}

// What an organisation says of its accounts' resources, and how they are tagged,
// is not for callers from elsewhere to know.
func TestOrganisationsOfOthersAreNotTold(t *testing.T) {
	w := newWorld(t)
	do(w, rootOf(other), iamapi.OpCreateRole, &iamapi.CreateRoleRequest{
		RoleName: awsapi.Ptr("r"), Tags: []*iamapi.Tag{{Key: awsapi.Ptr("Project"), Value: awsapi.Ptr("hidden")}},
		AssumeRolePolicyDocument: awsapi.Ptr(policyOf(`"Effect":"Allow","Principal":{"AWS":"` + doortest.Account + `"},"Action":"sts:AssumeRole"`)),
	})
	deny, err := policy.Parse(policy.KindResourceOrganization, []byte(policyOf(`"Effect":"Deny","Principal":"*","Action":"sts:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"hidden"}}`)))
	if err != nil {
		t.Fatal(err)
	}
	w.Accounts.Set(&door.Membership{
		Account: other, Exists: true, Organization: "o-hidden", Management: other, Path: "o-hidden/r-1/",
		ResourceControl: [][]policy.Named{{{Name: "hidden", Policy: deny}}},
	})
	w.let("u", `"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*","Condition":{"StringNotLike":{"aws:ResourceTag/Project":"guess"}}`)
	role := "arn:aws:iam::" + other + ":role/r"
	_, err = door.Do(context.Background(), w.Door, w.user(), stsapi.OpAssumeRole, &stsapi.AssumeRoleRequest{RoleArn: &role, RoleSessionName: awsapi.Ptr("me")})
	if err == nil {
		t.Fatal("it is allowed")
	}
	for _, in := range []*platform.ExplainRequest{
		{Principal: awsapi.Ptr(userARN), Action: awsapi.Ptr("sts:AssumeRole"), Resource: &role},
		{RequestID: awsapi.Ptr(w.lastDenied())},
	} {
		out, code := w.askAs(w.Root(), in)
		text, err := json.Marshal(out)
		if code != "" || err != nil || strings.Contains(string(text), "hidden") {
			t.Errorf("%s: told %s", code, text)
		}
	}
}
