package sts

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"

	iamapi "cloister/internal/awsapi/iam"
)

func TestCallersLearnWhoTheyAre(t *testing.T) {
	h := newHarness(t)
	if me := h.whoami(h.root()); *me.Arn != "arn:aws:iam::123456789012:root" || *me.UserId != "123456789012" || *me.Account != "123456789012" {
		t.Errorf("root is %s, %s", *me.Arn, *me.UserId)
	}
	alice := h.user("alice", "") // without any permission
	if me := h.whoami(alice); *me.Arn != "arn:aws:iam::123456789012:user/alice" || (*me.UserId)[:4] != "AIDA" {
		t.Errorf("alice is %s, %s", *me.Arn, *me.UserId)
	}
	_, err := h.client("AKIANOSUCHKEYNOSUCHK", "x", "").GetCallerIdentity(context.Background(), nil)
	h.wantCode("InvalidClientTokenId", err)
	_, err = h.client(rootKeyID, "wrong", "").GetCallerIdentity(context.Background(), nil)
	h.wantCode("SignatureDoesNotMatch", err)
}

func TestSessionToken(t *testing.T) {
	h := newHarness(t)
	alice := h.user("alice", mayIAM)
	out, err := alice.GetSessionToken(context.Background(), &sdk.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(*out.Credentials.Expiration); left > 900*time.Second || left < 800*time.Second {
		t.Errorf("expires in %v", left)
	}
	session := h.in(out.Credentials)
	if me := h.whoami(session); *me.Arn != "arn:aws:iam::123456789012:user/alice" {
		t.Errorf("the session is of %s", *me.Arn)
	}
	_, err = session.GetSessionToken(context.Background(), nil)
	h.wantCode("AccessDenied", err)

	// It stays good without the key that asked for it, and ends with the user.
	keys := do(h, iamapi.OpListAccessKeys, &iamapi.ListAccessKeysRequest{UserName: aws.String("alice")}).AccessKeyMetadata
	do(h, iamapi.OpDeleteAccessKey, &iamapi.DeleteAccessKeyRequest{UserName: aws.String("alice"), AccessKeyId: keys[0].AccessKeyId})
	h.whoami(session)
	do(h, iamapi.OpDeleteUserPolicy, &iamapi.DeleteUserPolicyRequest{UserName: aws.String("alice"), PolicyName: aws.String("alice")})
	do(h, iamapi.OpDeleteUser, &iamapi.DeleteUserRequest{UserName: aws.String("alice")})
	_, err = session.GetCallerIdentity(context.Background(), nil)
	h.wantCode("InvalidClientTokenId", err)
}

func TestSessionTokenOfRootLastsAnHourAtMost(t *testing.T) {
	h := newHarness(t)
	out, err := h.root().GetSessionToken(context.Background(), &sdk.GetSessionTokenInput{DurationSeconds: aws.Int32(129600)})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(*out.Credentials.Expiration); left > time.Hour {
		t.Errorf("lasts %v", left)
	}
	if me := h.whoami(h.in(out.Credentials)); *me.Arn != "arn:aws:iam::123456789012:root" {
		t.Errorf("the session is of %s", *me.Arn)
	}
}

func TestRoleSessionCannotGetSessionToken(t *testing.T) {
	h := newHarness(t)
	out := h.assume(h.user("alice", mayAssume), h.role("r", trustAccount))
	_, err := h.in(out.Credentials).GetSessionToken(context.Background(), nil)
	h.wantCode("AccessDenied", err)
}
