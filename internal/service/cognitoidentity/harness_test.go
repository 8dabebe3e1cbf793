package cognitoidentity

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidentity"
	iamapi "cloister/internal/awsapi/iam"
	stsapi "cloister/internal/awsapi/sts"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/gate/jwt"
	"cloister/internal/guardrail"
	"cloister/internal/oidc"
	"cloister/internal/oidc/oidctest"
	"cloister/internal/seal"
	"cloister/internal/service/iam"
	"cloister/internal/service/sts"
)

const (
	userPoolName = "cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEfGhI"
	appClient    = "app_client"
	foreign      = "idp.example/realm"
)

// harness is the service with the real IAM and STS, a user pool that is this
// node's and an issuer that is not.
type harness struct {
	*doortest.Harness
	t       *testing.T
	service *Service
	iam     *iam.Service
	pool    *oidctest.Issuer // the user pool
	foreign *oidctest.Issuer
}

// ownPools are the issuers of this node.
type ownPools struct{ keys []jose.JSONWebKey }

func (o *ownPools) Keys(_ context.Context, url string) (string, []jose.JSONWebKey, bool, error) {
	return url, o.keys, url == "https://"+userPoolName, nil
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{t: t, pool: oidctest.New(t, "https://"+userPoolName), foreign: oidctest.New(t, "https://"+foreign)}
	services := []*awsapi.Service{&api.Service, &iamapi.Service, &stsapi.Service}
	h.Harness = doortest.New(t, services, func(d *doortest.Harness, c *door.Config) {
		h.iam = iam.New(iam.Options{
			DB: d.DB, Keys: d.Keys, Account: doortest.Account, Guardrails: guardrail.New(services...), Organizations: d.Accounts,
			RootAccessKeyID: "AKIAROOTROOTROOTROOT", RootSecret: seal.NewSecret([]byte("the root secret of the tests, 40 chars..")),
		})
		c.Directory = h.iam
	})
	h.iam.Register(h.Door)
	tokens := sts.New(h.Keys, h.iam, h.foreign.Fetch)
	tokens.Register(h.Door)
	own := &ownPools{h.pool.KeySet().Keys}
	h.service = New(Options{DB: h.DB, Providers: h.iam, Tokens: jwt.New(oidc.NewKeys(h.foreign.Fetch), own)})
	h.service.Register(h.Door)
	tokens.TakeIdentityPools(h.service.Keys)
	t.Cleanup(func() {
		if err := h.DB.View(context.Background(), h.service.Check); err != nil {
			t.Errorf("check: %v", err)
		}
	})
	return h
}

func try[In, Out any](h *harness, op awsapi.Op[In, Out], in *In) (*Out, error) {
	return door.Do(context.Background(), h.Door, h.Root(), op, in)
}

func do[In, Out any](h *harness, op awsapi.Op[In, Out], in *In) *Out {
	h.t.Helper()
	out, err := try(h, op, in)
	if err != nil {
		h.t.Fatalf("%s: %v", op, err)
	}
	return out
}

// wantCode is the message of an error of a code.
func (h *harness) wantCode(code string, err error) string {
	h.t.Helper()
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Code != code {
		h.t.Fatalf("want %s: %v", code, err)
	}
	return e.Message
}

// newPool makes a pool that takes everybody, and its roles.
func (h *harness) newPool(change ...func(*api.CreateIdentityPoolInput)) string {
	h.t.Helper()
	do(h, iamapi.OpCreateOpenIDConnectProvider, &iamapi.CreateOpenIDConnectProviderRequest{Url: ptr("https://" + foreign), ClientIDList: []string{"foreign-client"}})
	in := &api.CreateIdentityPoolInput{
		IdentityPoolName: ptr("pool"), AllowUnauthenticatedIdentities: ptr(true), AllowClassicFlow: ptr(true), DeveloperProviderName: ptr("login.example"),
		CognitoIdentityProviders:  []*api.CognitoIdentityProvider{{ProviderName: ptr(userPoolName), ClientId: ptr(appClient)}},
		OpenIdConnectProviderARNs: []string{"arn:aws:iam::" + doortest.Account + ":oidc-provider/" + foreign},
	}
	for _, fn := range change {
		fn(in)
	}
	id := *do(h, api.OpCreateIdentityPool, in).IdentityPoolId
	do(h, api.OpSetIdentityPoolRoles, &api.SetIdentityPoolRolesInput{IdentityPoolId: &id, Roles: map[string]string{
		known: h.role("known", id, known), unknown: h.role("unknown", id, unknown),
	}})
	return id
}

// role makes a role for the callers of a pool of a kind.
func (h *harness) role(name, pool, kind string) string {
	h.t.Helper()
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],
		"Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"` + pool + `"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"` + kind + `"}}}}`
	arn := *do(h, iamapi.OpCreateRole, &iamapi.CreateRoleRequest{RoleName: &name, AssumeRolePolicyDocument: &trust}).Role.Arn
	do(h, iamapi.OpPutRolePolicy, &iamapi.PutRolePolicyRequest{RoleName: &name, PolicyName: ptr("p"), PolicyDocument: ptr(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:ListUsers","cognito-identity:ListIdentityPools"],"Resource":"*"}}`)})
	return arn
}

// user is an ID token of the user pool.
func (h *harness) user(sub string, more map[string]any) map[string]string {
	claims := map[string]any{"sub": sub, "aud": appClient, "token_use": "id"}
	for name, value := range more {
		claims[name] = value
	}
	return map[string]string{userPoolName: h.pool.Token(claims)}
}

func (h *harness) id(pool string, logins map[string]string) string {
	h.t.Helper()
	return *do(h, api.OpGetId, &api.GetIdInput{IdentityPoolId: &pool, Logins: logins}).IdentityId
}

func (h *harness) credentials(id string, logins map[string]string) (*door.Principal, error) {
	out, err := try(h, api.OpGetCredentialsForIdentity, &api.GetCredentialsForIdentityInput{IdentityId: &id, Logins: logins})
	if err != nil {
		return nil, err
	}
	return h.Door.Session(context.Background(), *out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
}

// roleOf is the name of the role of credentials.
func (h *harness) roleOf(id string, logins map[string]string) string {
	h.t.Helper()
	p, err := h.credentials(id, logins)
	if err != nil {
		h.t.Fatal(err)
	}
	return p.RoleARN[strings.LastIndexByte(p.RoleARN, '/')+1:]
}
