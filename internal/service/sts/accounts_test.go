package sts

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cloister/internal/awsapi"
	iamapi "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/policy"
)

const other = "210987654321"

// within makes what fn makes in another account.
func (h *harness) within(account string, fn func()) {
	h.as = account
	defer func() { h.as = "" }()
	fn()
}

// Across accounts both sides must allow: the role by its trust policy, which is
// bound to the very user that it names, and the user's own policies.
func TestRolesOfOtherAccounts(t *testing.T) {
	h := newHarness(t)
	trust := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"sts:AssumeRole"}}`
	}
	permitted, plain := h.user("permitted", mayAssume), h.user("plain", "")
	var open, shut, named string
	h.within(other, func() {
		open = h.role("open", trust("123456789012"))
		shut = h.role("shut", trust(other))
		named = h.role("named", trust("arn:aws:iam::123456789012:user/plain"))
	})

	session := h.assume(permitted, open)
	who := h.whoami(h.in(session.Credentials))
	if *who.Account != other || *who.Arn != "arn:aws:sts::"+other+":assumed-role/open/session" {
		t.Errorf("the session is %s of %s", *who.Arn, *who.Account)
	}
	if said := h.refused("AccessDenied", permitted, shut); !strings.Contains(said, "because no role trust policy allows") {
		t.Error(said)
	}
	if said := h.refused("AccessDenied", plain, open); !strings.Contains(said, "because no identity-based policy allows") {
		t.Error(said)
	}
	h.refused("AccessDenied", plain, named) // inside its own account it would do

	// The trust policy names that user, not whoever is called so.
	do(h, iamapi.OpPutUserPolicy, &iamapi.PutUserPolicyRequest{UserName: aws.String("plain"), PolicyName: aws.String("p"), PolicyDocument: aws.String(mayAssume)})
	h.assume(plain, named)
	do(h, iamapi.OpUpdateUser, &iamapi.UpdateUserRequest{UserName: aws.String("plain"), NewUserName: aws.String("renamed")})
	h.assume(plain, named)
	h.refused("AccessDenied", h.user("plain", mayAssume), named)
	h.within(other, func() {
		_, err := door.Do(context.Background(), h.Door, rootOf(other), iamapi.OpCreateRole, &iamapi.CreateRoleRequest{
			RoleName: aws.String("nobodys"), AssumeRolePolicyDocument: aws.String(trust("arn:aws:iam::123456789012:user/nobody")),
		})
		if wire, ok := err.(*awsapi.Error); !ok || wire.Code != "MalformedPolicyDocument" {
			t.Errorf("a user of another account who does not exist: %v", err)
		}
	})
}

func rootOf(account string) *door.Principal {
	return &door.Principal{Principal: policy.Principal{
		Kind: policy.PrincipalRoot, ARN: "arn:aws:iam::" + account + ":root", Account: account, UserID: account,
	}}
}

// What one account makes is not another's, whatever its name.
func TestAccountsAreApart(t *testing.T) {
	h := newHarness(t)
	mine := h.user("alice", mayIAM)
	h.within(other, func() {
		theirs := h.user("alice", "")
		if *h.whoami(theirs).Account != other || *h.whoami(mine).Account != "123456789012" {
			t.Error("two users of one name are mixed up")
		}
		do(h, iamapi.OpCreatePolicy, &iamapi.CreatePolicyRequest{PolicyName: aws.String("p"), PolicyDocument: aws.String(mayGet)})
	})
	for _, c := range []struct {
		name string
		call func(as *door.Principal) error
	}{
		{"use a policy", func(as *door.Principal) error {
			_, err := door.Do(context.Background(), h.Door, as, iamapi.OpAttachUserPolicy, &iamapi.AttachUserPolicyRequest{UserName: aws.String("alice"), PolicyArn: aws.String("arn:aws:iam::" + other + ":policy/p")})
			return err
		}},
		{"read a policy", func(as *door.Principal) error {
			_, err := door.Do(context.Background(), h.Door, as, iamapi.OpGetPolicy, &iamapi.GetPolicyRequest{PolicyArn: aws.String("arn:aws:iam::" + other + ":policy/p")})
			return err
		}},
		{"change a policy", func(as *door.Principal) error {
			_, err := door.Do(context.Background(), h.Door, as, iamapi.OpCreatePolicyVersion, &iamapi.CreatePolicyVersionRequest{PolicyArn: aws.String("arn:aws:iam::" + other + ":policy/p"), PolicyDocument: aws.String(mayAssume)})
			return err
		}},
		{"simulate a user", func(as *door.Principal) error {
			_, err := door.Do(context.Background(), h.Door, as, iamapi.OpSimulatePrincipalPolicy, &iamapi.SimulatePrincipalPolicyRequest{PolicySourceArn: aws.String("arn:aws:iam::" + other + ":user/alice"), ActionNames: []string{"iam:GetUser"}})
			return err
		}},
	} {
		if err := c.call(h.Root()); err == nil {
			t.Errorf("an account may %s of another", c.name)
		}
		if err := c.call(rootOf(other)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
