package sts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"

	iamapi "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

// deniedTo makes a call of IAM and returns the answer's encoded message.
func (h *harness) deniedTo(c aws.Credentials, form string) string {
	h.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://iam.amazonaws.com/", strings.NewReader(form+"&Version=2010-05-08"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(form + "&Version=2010-05-08"))
	if c.AccessKeyID != "" {
		if err := v4.NewSigner().SignHTTP(context.Background(), c, r, hex.EncodeToString(sum[:]), "iam", doortest.Region, time.Now()); err != nil {
			h.t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	h.Door.ServeHTTP(w, r)
	if w.Code < 400 {
		h.t.Fatalf("the call is not denied: %d", w.Code)
	}
	return w.Header().Get(door.MessageHeader)
}

// userKey makes a user with one inline policy and returns its access key.
func (h *harness) userKey(name, document string) aws.Credentials {
	h.t.Helper()
	h.user(name, document)
	key := do(h, iamapi.OpCreateAccessKey, &iamapi.CreateAccessKeyRequest{UserName: &name}).AccessKey
	return aws.Credentials{AccessKeyID: *key.AccessKeyId, SecretAccessKey: *key.SecretAccessKey}
}

func TestDecodeAuthorizationMessage(t *testing.T) {
	h := newHarness(t)
	dev := h.userKey("dev", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:Get*","Resource":"*"},{"Sid":"NoBoss","Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::*:user/boss"}]}`)
	auditor := h.user("auditor", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:DecodeAuthorizationMessage","Resource":"*"}}`)
	decode := func(c *sdk.Client, message string) (string, error) {
		out, err := c.DecodeAuthorizationMessage(context.Background(), &sdk.DecodeAuthorizationMessageInput{EncodedMessage: &message})
		if err != nil {
			return "", err
		}
		return *out.DecodedMessage, nil
	}
	for form, want := range map[string]struct {
		explicit         bool
		action, resource string
	}{
		"Action=ListUsers":             {false, "iam:ListUsers", "*"},
		"Action=GetUser&UserName=boss": {true, "iam:GetUser", "arn:aws:iam::123456789012:user/boss"},
	} {
		message := h.deniedTo(dev, form)
		text, err := decode(auditor, message)
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		var got struct {
			Allowed, ExplicitDeny bool
			MatchedStatements     struct {
				Items []struct{ StatementID string }
			}
			Context struct {
				Principal        struct{ ARN, Name string }
				Action, Resource string
				Conditions       struct{ Items []struct{ Key string } }
			}
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if got.Allowed || got.ExplicitDeny != want.explicit || got.Context.Action != want.action || got.Context.Resource != want.resource ||
			got.Context.Principal.ARN != "arn:aws:iam::123456789012:user/dev" || got.Context.Principal.Name != "dev" || len(got.Context.Conditions.Items) == 0 {
			t.Errorf("%s: %s", form, text)
		}
		if statements := got.MatchedStatements.Items; want.explicit != (len(statements) == 1 && statements[0].StatementID == "NoBoss") {
			t.Errorf("%s: %s", form, text)
		}
		// Whom it was given to may not read it.
		_, err = decode(h.client(dev.AccessKeyID, dev.SecretAccessKey, ""), message)
		h.wantCode("AccessDenied", err)
		_, err = decode(auditor, message[:len(message)-1])
		h.wantCode("InvalidAuthorizationMessageException", err)
	}
	_, err := decode(auditor, "nothing that was ever said")
	if got := h.wantCode("InvalidAuthorizationMessageException", err); got != "Message is not valid" {
		t.Errorf("refused with %q", got)
	}
	_, err = decode(auditor, strings.Repeat("x", 10241))
	h.wantCode("ValidationError", err)
	// Nobody is told anything whom nobody knows, or of another account.
	if message := h.deniedTo(aws.Credentials{}, "Action=ListUsers"); message != "" {
		t.Error("a stranger gets a message")
	}
	if message := h.deniedTo(aws.Credentials{AccessKeyID: dev.AccessKeyID, SecretAccessKey: "wrong"}, "Action=ListUsers"); message != "" {
		t.Error("a wrong signature gets a message")
	}
	if message := h.deniedTo(dev, "Action=GetPolicy&PolicyArn=x"); message != "" {
		t.Error("an invalid call gets a message")
	}
}
