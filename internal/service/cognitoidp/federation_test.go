package cognitoidp

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/dial"
	"cloister/internal/oidc/oidctest"
)

// federation is a hosted pool with a provider whose token endpoint answers what
// tests say.
type federation struct {
	*hosted
	issuer *oidctest.Issuer
	claims map[string]any // of the next ID token, over those of a good one
	asked  url.Values
}

const issuerURL = "https://idp.example/realm"

func newFederation(t *testing.T) *federation {
	f := &federation{issuer: oidctest.New(t, issuerURL)}
	f.hosted = newHosted(t)
	f.service.setOutgoing(f.issuer.Fetch, func(_ context.Context, address string, form url.Values, _ dial.Trust, _ int64) ([]byte, error) {
		f.asked = form
		return json.Marshal(map[string]string{"id_token": f.issuer.Token(f.claims)})
	})
	do(f.harness, api.OpCreateIdentityProvider, &api.CreateIdentityProviderRequest{
		UserPoolId: &f.poolID, ProviderName: ptr("Corp"), ProviderType: ptr("OIDC"), AttributeMapping: map[string]string{"email": "email", "name": "name"},
		ProviderDetails: map[string]string{
			"client_id": "pool at corp", "client_secret": "the secret at corp", "authorize_scopes": "openid email", "oidc_issuer": issuerURL,
			"authorize_url": "https://idp.example/authorize", "token_url": "https://idp.example/token",
		},
	})
	do(f.harness, api.OpUpdateUserPoolClient, &api.UpdateUserPoolClientRequest{
		UserPoolId: &f.poolID, ClientId: &f.clientID, SupportedIdentityProviders: []string{"COGNITO", "Corp"}, CallbackURLs: []string{callback},
		AllowedOAuthFlowsUserPoolClient: ptr(true), AllowedOAuthFlows: []string{"code"}, AllowedOAuthScopes: []string{"openid", "email"},
	})
	return f
}

// begin goes to the provider, and gives what it is asked.
func (f *federation) begin() url.Values {
	f.t.Helper()
	config, _ := f.config("openid", "email")
	p := f.get(config.AuthCodeURL("s", oauth2.SetAuthURLParam("identity_provider", "Corp")))
	u, err := url.Parse(p.location)
	if err != nil || p.status != http.StatusFound || u.Host != "idp.example" {
		f.t.Fatalf("%d %s %s", p.status, p.location, p.body)
	}
	return u.Query()
}

// back comes from the provider with a token of claims over those of a good one.
func (f *federation) back(q url.Values, claims map[string]any) pageSeen {
	f.claims = map[string]any{"aud": "pool at corp", "sub": "42", "nonce": q.Get("nonce"), "email": "ada@example.com", "name": "Ada", "azp": nil,
		"iat": f.now().Unix(), "exp": f.now().Add(time.Hour).Unix(), "nbf": nil}
	for name, value := range claims {
		f.claims[name] = value
	}
	return f.get(f.base() + "/oauth2/idpresponse?code=c&state=" + url.QueryEscape(q.Get("state")))
}

func TestFederation(t *testing.T) {
	f := newFederation(t)
	f.makeUser(f.poolID, "ada") // a local user with the same address
	q := f.begin()
	if q.Get("client_id") != "pool at corp" || q.Get("redirect_uri") != f.base()+"/oauth2/idpresponse" || q.Get("code_challenge_method") != "S256" {
		t.Errorf("%v", q)
	}
	config, _ := f.config("openid", "email")
	tokens, err := config.Exchange(context.Background(), f.codeIn(f.back(q, nil), "s"))
	if err != nil {
		t.Fatal(err)
	}
	if f.asked.Get("client_secret") != "the secret at corp" || !proves(q.Get("code_challenge"), f.asked.Get("code_verifier")) {
		t.Errorf("%v", f.asked)
	}
	id := f.claimsOf(f.poolID, tokens.Extra("id_token").(string))
	identities, _ := json.Marshal(id["identities"])
	if id["cognito:username"] != "Corp_42" || id["email"] != "ada@example.com" || !strings.Contains(string(identities), `"userId":"42"`) {
		t.Errorf("%v", id)
	}
	u := do(f.harness, api.OpAdminGetUser, &api.AdminGetUserRequest{UserPoolId: &f.poolID, Username: ptr("Corp_42")})
	if *u.UserStatus != external {
		t.Errorf("%s", *u.UserStatus)
	}
	// The same state a second time, and what the provider says later.
	if p := f.back(q, nil); p.status != 400 {
		t.Errorf("a state is good twice: %d", p.status)
	}
	f.codeIn(f.back(f.begin(), map[string]any{"name": "Ada L."}), "s")
	list := do(f.harness, api.OpListUsers, &api.ListUsersRequest{UserPoolId: &f.poolID, Filter: ptr(`name = "Ada L."`)})
	if len(list.Users) != 1 || *list.Users[0].Username != "Corp_42" {
		t.Errorf("%v", list.Users)
	}
	// A user of a provider has no password here.
	_, err = try(f.harness, f.root, api.OpAdminSetUserPassword, &api.AdminSetUserPasswordRequest{UserPoolId: &f.poolID, Username: ptr("Corp_42"), Password: ptr(goodPassword), Permanent: ptr(true)})
	wantCode(t, err, "NotAuthorizedException", "")
}

// A token that is not the one that was asked for lets nobody in.
func TestForgedFederation(t *testing.T) {
	f := newFederation(t)
	for what, claims := range map[string]map[string]any{
		"another audience": {"aud": "somebody else"}, "another issuer": {"iss": "https://evil.example"}, "another nonce": {"nonce": "x"},
		"no nonce": {"nonce": nil}, "an old one": {"exp": f.now().Add(-time.Hour).Unix()}, "for another party": {"azp": "x"},
		"two audiences": {"aud": []string{"pool at corp", "x"}}, "nobody": {"sub": ""}, "an address that is none": {"email": "x y"},
	} {
		if p := f.back(f.begin(), claims); p.status != 400 || p.location != "" {
			t.Errorf("%s: %d %s", what, p.status, p.location)
		}
	}
	q := f.begin()
	f.newBrowser()
	if p := f.back(q, nil); p.status != 400 {
		t.Errorf("another browser: %d", p.status)
	}
	q = f.begin()
	f.pass(time.Hour)
	if p := f.back(q, nil); p.status != 400 {
		t.Errorf("an hour later: %d", p.status)
	}
	q.Set("state", "x.y")
	if p := f.back(q, nil); p.status != 400 {
		t.Errorf("a made up state: %d", p.status)
	}
	if n := len(do(f.harness, api.OpListUsers, &api.ListUsersRequest{UserPoolId: &f.poolID}).Users); n != 0 {
		t.Errorf("%d users were made", n)
	}
}

func TestLinkedUsers(t *testing.T) {
	f := newFederation(t)
	sub := f.makeUser(f.poolID, "ada")
	link := &api.AdminLinkProviderForUserRequest{
		UserPoolId:      &f.poolID,
		DestinationUser: &api.ProviderUserIdentifierType{ProviderName: ptr("Cognito"), ProviderAttributeValue: ptr("ada")},
		SourceUser:      &api.ProviderUserIdentifierType{ProviderName: ptr("Corp"), ProviderAttributeName: ptr("Cognito_Subject"), ProviderAttributeValue: ptr("42")},
	}
	do(f.harness, api.OpAdminLinkProviderForUser, link)
	_, err := try(f.harness, f.root, api.OpAdminLinkProviderForUser, link)
	wantCode(t, err, "InvalidParameterException", "already linked")
	config, _ := f.config("openid")
	signIn := func() map[string]any {
		tokens, err := config.Exchange(context.Background(), f.codeIn(f.back(f.begin(), map[string]any{"email": "other@example.com"}), "s"))
		if err != nil {
			t.Fatal(err)
		}
		return f.claimsOf(f.poolID, tokens.Extra("id_token").(string))
	}
	if id := signIn(); id["sub"] != sub || id["email"] != "ada@example.com" {
		t.Errorf("%v", id)
	}
	do(f.harness, api.OpAdminDisableProviderForUser, &api.AdminDisableProviderForUserRequest{UserPoolId: &f.poolID, User: link.SourceUser})
	if id := signIn(); id["sub"] == sub {
		t.Errorf("%v", id)
	}
}

func TestProvidersAreChecked(t *testing.T) {
	f := newFederation(t)
	make := func(name, kind string, change map[string]string) error {
		details := map[string]string{"client_id": "a", "client_secret": "b", "authorize_scopes": "openid", "oidc_issuer": issuerURL, "authorize_url": "https://idp.example/a", "token_url": "https://idp.example/t"}
		for k, v := range change {
			details[k] = v
		}
		_, err := try(f.harness, f.root, api.OpCreateIdentityProvider, &api.CreateIdentityProviderRequest{
			UserPoolId: &f.poolID, ProviderName: &name, ProviderType: &kind, ProviderDetails: details, AttributeMapping: map[string]string{"email": "email"},
		})
		return err
	}
	wantCode(t, make("Corp", "OIDC", nil), "DuplicateProviderException", "")
	wantCode(t, make("Other", "SAML", nil), "InvalidParameterException", "not available")
	wantCode(t, make("Other", "OIDC", map[string]string{"token_url": "http://idp.example/t"}), "InvalidParameterException", "token_url")
	wantCode(t, make("Other", "OIDC", map[string]string{"authorize_scopes": "email"}), "InvalidParameterException", "openid")
	wantCode(t, make("Other", "OIDC", map[string]string{"client_id": ""}), "InvalidParameterException", "client_id")
	wantCode(t, make("Other", "OIDC", map[string]string{"authorize_url": "", "oidc_issuer": "https://elsewhere.example"}), "InvalidParameterException", "Unable to contact")
}
