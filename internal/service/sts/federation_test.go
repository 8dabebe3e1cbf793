package sts

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	iamapi "cloister/internal/awsapi/iam"
)

const mayFederate = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["sts:GetFederationToken","sts:TagSession"],"Resource":"arn:aws:sts::123456789012:federated-user/sus*"},
	{"Effect":"Allow","Action":["sts:GetAccessKeyInfo","sts:AssumeRole"],"Resource":"*"}]}`

func federate(c *sdk.Client, name string, more ...func(*sdk.GetFederationTokenInput)) (*sdk.GetFederationTokenOutput, error) {
	in := &sdk.GetFederationTokenInput{Name: &name}
	for _, fn := range more {
		fn(in)
	}
	return c.GetFederationToken(context.Background(), in)
}

func within(document string) func(*sdk.GetFederationTokenInput) {
	return func(in *sdk.GetFederationTokenInput) { in.Policy = &document }
}

func (h *harness) mayAskForKeys(c *types.Credentials) bool {
	_, err := h.in(c).GetAccessKeyInfo(context.Background(), &sdk.GetAccessKeyInfoInput{AccessKeyId: aws.String(rootKeyID)})
	return err == nil
}

func TestFederatedUser(t *testing.T) {
	h := newHarness(t)
	alice := h.user("alice", mayFederate)
	out, err := federate(alice, "susan", within(mayAll))
	if err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:sts::123456789012:federated-user/susan"
	if u := out.FederatedUser; *u.Arn != arn || *u.FederatedUserId != "123456789012:susan" {
		t.Errorf("the session is of %s, %s", *u.Arn, *u.FederatedUserId)
	}
	if left := time.Until(*out.Credentials.Expiration); left > 12*time.Hour || left < 11*time.Hour {
		t.Errorf("expires in %v", left)
	}
	if me := h.whoami(h.in(out.Credentials)); *me.Arn != arn || *me.UserId != "123456789012:susan" || *me.Account != "123456789012" {
		t.Errorf("the session calls as %s, %s", *me.Arn, *me.UserId)
	}
	if !h.mayAskForKeys(out.Credentials) {
		t.Error("the session may not do what user and session policy allow")
	}

	// What the user has no permission for, the session cannot get.
	_, err = federate(alice, "bob", within(mayAll))
	h.wantCode("AccessDenied", err)
	_, err = federate(h.user("nobody", ""), "susan")
	h.wantCode("AccessDenied", err)

	// The session ends with what its user may, and with its user.
	do(h, iamapi.OpDeleteUserPolicy, &iamapi.DeleteUserPolicyRequest{UserName: aws.String("alice"), PolicyName: aws.String("alice")})
	if h.mayAskForKeys(out.Credentials) {
		t.Error("the session may more than its user")
	}
	keys := do(h, iamapi.OpListAccessKeys, &iamapi.ListAccessKeysRequest{UserName: aws.String("alice")}).AccessKeyMetadata
	do(h, iamapi.OpDeleteAccessKey, &iamapi.DeleteAccessKeyRequest{UserName: aws.String("alice"), AccessKeyId: keys[0].AccessKeyId})
	h.whoami(h.in(out.Credentials))
	do(h, iamapi.OpDeleteUser, &iamapi.DeleteUserRequest{UserName: aws.String("alice")})
	_, err = h.in(out.Credentials).GetCallerIdentity(context.Background(), nil)
	h.wantCode("InvalidClientTokenId", err)
}

// A federated session has no permission but in its session policies, and is
// kept out of IAM and of STS's other sessions.
func TestFederatedUserIsNarrow(t *testing.T) {
	h := newHarness(t)
	alice := h.user("alice", mayFederate)
	do(h, iamapi.OpPutUserPolicy, &iamapi.PutUserPolicyRequest{UserName: aws.String("alice"), PolicyName: aws.String("all"), PolicyDocument: aws.String(mayIAM)})
	role := h.role("r", trustAccount)
	plain, err := federate(alice, "susan")
	if err != nil {
		t.Fatal(err)
	}
	if h.mayAskForKeys(plain.Credentials) {
		t.Error("a session without session policies may do something")
	}
	wide, err := federate(alice, "susan", within(mayAll))
	if err != nil {
		t.Fatal(err)
	}
	if h.mayList(wide.Credentials) {
		t.Error("a federated session may call IAM")
	}
	session := h.in(wide.Credentials)
	h.refused("AccessDenied", session, role)
	_, err = federate(session, "susan")
	h.wantCode("AccessDenied", err)
	_, err = session.GetSessionToken(context.Background(), nil)
	h.wantCode("AccessDenied", err)
	_, err = federate(h.root(), "susan")
	h.wantCode("AccessDenied", err)
	_, err = federate(alice, "susan", within(`{"Statement":[}`))
	h.wantCode("MalformedPolicyDocument", err)
}

func TestTagsOfFederatedUsers(t *testing.T) {
	h := newHarness(t)
	tags := func(key, value string) func(*sdk.GetFederationTokenInput) {
		return func(in *sdk.GetFederationTokenInput) {
			in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
		}
	}
	alice := h.user("alice", mayFederate)
	only := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:GetAccessKeyInfo","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}}`
	for value, want := range map[string]bool{"red": true, "blue": false} {
		out, err := federate(alice, "susan", within(only), tags("team", value))
		if err != nil {
			t.Fatal(err)
		}
		if h.mayAskForKeys(out.Credentials) != want {
			t.Errorf("of team %s the session may: %v", value, !want)
		}
	}
	_, err := federate(alice, "susan", tags("team", "red"), tags("TEAM", "blue"))
	h.wantCode("InvalidParameterValue", err)
	bob := h.user("bob", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"*"}}`)
	_, err = federate(bob, "susan", tags("team", "red"))
	h.wantCode("AccessDenied", err)
}

func TestAccessKeyInfo(t *testing.T) {
	h := newHarness(t)
	alice := h.user("alice", mayFederate)
	info := func(c *sdk.Client, id string) (*sdk.GetAccessKeyInfoOutput, error) {
		return c.GetAccessKeyInfo(context.Background(), &sdk.GetAccessKeyInfoInput{AccessKeyId: &id})
	}
	key := do(h, iamapi.OpListAccessKeys, &iamapi.ListAccessKeysRequest{UserName: aws.String("alice")}).AccessKeyMetadata[0]
	for _, id := range []string{rootKeyID, *key.AccessKeyId} {
		if out, err := info(alice, id); err != nil || *out.Account != "123456789012" {
			t.Errorf("%s: %v, %v", id, out, err)
		}
	}
	_, err := info(alice, "AKIANOSUCHKEYNOSUCHK")
	h.wantCode("ValidationError", err)
	_, err = info(h.user("nobody", ""), rootKeyID)
	h.wantCode("AccessDenied", err)
}
