package sts

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"cloister/internal/awsapi"
	iamapi "cloister/internal/awsapi/iam"
	api "cloister/internal/awsapi/sts"
	"cloister/internal/dial"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/guardrail"
	"cloister/internal/oidc"
	"cloister/internal/seal"
	"cloister/internal/service/iam"
)

// harness is STS with IAM behind a real door, reached by AWS's SDK.
type harness struct {
	*doortest.Harness
	t   testing.TB
	iam *iam.Service
	url string
	// fetch is the way to identity providers.
	fetch oidc.Fetcher
	as    string // the account whose root user do calls as; "" for the first
}

const rootKeyID, rootSecret = "AKIAROOTROOTROOTROOT", "the root secret of the tests, 40 chars.."

func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{t: t}
	h.Harness = doortest.New(t, []*awsapi.Service{&iamapi.Service, &api.Service}, func(d *doortest.Harness, c *door.Config) {
		h.iam = iam.New(iam.Options{
			DB: d.DB, Keys: d.Keys, Account: doortest.Account, Guardrails: guardrail.New(&iamapi.Service, &api.Service), Organizations: d.Accounts,
			RootAccessKeyID: rootKeyID, RootSecret: seal.NewSecret([]byte(rootSecret)),
		})
		c.Directory = h.iam
	})
	h.iam.Register(h.Door)
	New(h.Keys, h.iam, func(ctx context.Context, url string, trust dial.Trust, most int64) ([]byte, error) {
		return h.fetch(ctx, url, trust, most)
	}).Register(h.Door)
	server := httptest.NewServer(h.Door)
	h.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := h.DB.View(context.Background(), h.iam.Check); err != nil {
			t.Errorf("check: %v", err)
		}
	})
	return h
}

// do calls IAM as root.
func do[In, Out any](h *harness, op awsapi.Op[In, Out], in *In) *Out {
	h.t.Helper()
	root := h.Root()
	if h.as != "" {
		root.Account, root.UserID, root.ARN = h.as, h.as, "arn:aws:iam::"+h.as+":root"
	}
	out, err := door.Do(context.Background(), h.Door, root, op, in)
	if err != nil {
		h.t.Fatalf("%s: %v", op, err)
	}
	return out
}

// user makes a user with one inline policy and returns its client.
func (h *harness) user(name, document string) *sdk.Client {
	h.t.Helper()
	do(h, iamapi.OpCreateUser, &iamapi.CreateUserRequest{UserName: &name})
	if document != "" {
		do(h, iamapi.OpPutUserPolicy, &iamapi.PutUserPolicyRequest{UserName: &name, PolicyName: &name, PolicyDocument: &document})
	}
	key := do(h, iamapi.OpCreateAccessKey, &iamapi.CreateAccessKeyRequest{UserName: &name}).AccessKey
	return h.client(*key.AccessKeyId, *key.SecretAccessKey, "")
}

func (h *harness) client(id, secret, token string) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: &h.url, Region: doortest.Region, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, nil
		}),
	})
}

func (h *harness) root() *sdk.Client { return h.client(rootKeyID, rootSecret, "") }

// in is the client of credentials that STS gave.
func (h *harness) in(c *types.Credentials) *sdk.Client {
	return h.client(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// role makes a role that trusts as document says.
func (h *harness) role(name, trust string, more ...func(*iamapi.CreateRoleRequest)) (arn string) {
	h.t.Helper()
	in := &iamapi.CreateRoleRequest{RoleName: &name, AssumeRolePolicyDocument: &trust}
	for _, fn := range more {
		fn(in)
	}
	return *do(h, iamapi.OpCreateRole, in).Role.Arn
}

func (h *harness) rolePolicy(role, document string) {
	h.t.Helper()
	do(h, iamapi.OpPutRolePolicy, &iamapi.PutRolePolicyRequest{RoleName: &role, PolicyName: aws.String("p"), PolicyDocument: &document})
}

// assume assumes a role and fails the test when it is refused.
func (h *harness) assume(c *sdk.Client, arn string, more ...func(*sdk.AssumeRoleInput)) *sdk.AssumeRoleOutput {
	h.t.Helper()
	out, err := assume(c, arn, more...)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// refused wants an AssumeRole to be refused with a code, and returns the
// message.
func (h *harness) refused(code string, c *sdk.Client, arn string, more ...func(*sdk.AssumeRoleInput)) string {
	h.t.Helper()
	_, err := assume(c, arn, more...)
	return h.wantCode(code, err)
}

func (h *harness) wantCode(code string, err error) string {
	h.t.Helper()
	var wire smithy.APIError
	if !errors.As(err, &wire) {
		h.t.Fatalf("got %v, want %s", err, code)
	}
	if wire.ErrorCode() != code {
		h.t.Fatalf("got %s: %s, want %s", wire.ErrorCode(), wire.ErrorMessage(), code)
	}
	return wire.ErrorMessage()
}

func assume(c *sdk.Client, arn string, more ...func(*sdk.AssumeRoleInput)) (*sdk.AssumeRoleOutput, error) {
	in := &sdk.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("session")}
	for _, fn := range more {
		fn(in)
	}
	return c.AssumeRole(context.Background(), in)
}

func (h *harness) whoami(c *sdk.Client) *sdk.GetCallerIdentityOutput {
	h.t.Helper()
	out, err := c.GetCallerIdentity(context.Background(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// mayList asks the directory what a session's policies say.
func (h *harness) mayList(c *types.Credentials) bool {
	h.t.Helper()
	found, err := h.iam.Credential(context.Background(), *c.AccessKeyId, *c.SessionToken)
	if err != nil {
		h.t.Fatal(err)
	}
	_, callErr := door.Do(context.Background(), h.Door, found.Principal, iamapi.OpListUsers, &iamapi.ListUsersRequest{})
	return callErr == nil
}

const (
	trustAccount = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}`
	mayAssume    = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"*"}}`
	mayAll       = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	mayIAM       = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:*","sts:GetSessionToken"],"Resource":"*"}}`
	mayGet       = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:Get*","Resource":"*"}}`
)
