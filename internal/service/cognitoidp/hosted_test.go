package cognitoidp

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/gate"
)

// hosted is a harness with a pool that has a domain, served on a real address.
type hosted struct {
	*harness
	url, poolID, clientID, secret string
	browser                       *http.Client
}

const callback = "https://app.example/back?x=1"

func newHosted(t *testing.T, change ...func(*api.CreateUserPoolRequest, *api.CreateUserPoolClientRequest)) *hosted {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	h := &hosted{harness: newHarness(t, func(o *Options) { o.PublicURL = address }), url: address}
	g := gate.New(h.Door, "")
	front := h.service.Front()
	g.Handle("auth", front)
	g.Handle("cognito", front)
	g.Handle("cognito-idp", front.Documents())
	g.HandleDomains(front)
	server.Config.Handler = g
	server.Start()
	t.Cleanup(server.Close)
	all := append([]func(*api.CreateUserPoolRequest, *api.CreateUserPoolClientRequest){func(_ *api.CreateUserPoolRequest, c *api.CreateUserPoolClientRequest) {
		c.CallbackURLs, c.LogoutURLs = []string{callback, "myapp://back"}, []string{"https://app.example/bye"}
		c.AllowedOAuthFlowsUserPoolClient, c.AllowedOAuthFlows = ptr(true), []string{"code"}
		c.AllowedOAuthScopes = []string{"openid", "email", adminScope}
		c.GenerateSecret = ptr(true)
	}}, change...)
	h.poolID, h.clientID = h.makePool(all...)
	if s := do(h.harness, api.OpDescribeUserPoolClient, &api.DescribeUserPoolClientRequest{UserPoolId: &h.poolID, ClientId: &h.clientID}).UserPoolClient.ClientSecret; s != nil {
		h.secret = *s
	}
	do(h.harness, api.OpCreateUserPoolDomain, &api.CreateUserPoolDomainRequest{UserPoolId: &h.poolID, Domain: ptr("people")})
	h.newBrowser()
	return h
}

func (h *hosted) newBrowser() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.browser = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), h.url) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

func (h *hosted) base() string { return h.url + "/_aws/cognito/people" }

// page is what a browser sees.
type pageSeen struct {
	status   int
	body     string
	location string
	header   http.Header
}

func (h *hosted) seen(res *http.Response, err error) pageSeen {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return pageSeen{res.StatusCode, string(body), res.Header.Get("Location"), res.Header}
}

func (h *hosted) get(address string) pageSeen { return h.seen(h.browser.Get(address)) }

func (h *hosted) post(address string, form url.Values) pageSeen {
	return h.seen(h.browser.PostForm(address, form))
}

var (
	actionInPage = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	inputInPage  = regexp.MustCompile(`<input (?:type="hidden" )?name="([^"]*)"(?: type="[^"]*")? value="([^"]*)"`)
)

// submit fills in a page's form.
func (h *hosted) submit(p pageSeen, fields map[string]string) pageSeen {
	h.t.Helper()
	action := actionInPage.FindStringSubmatch(p.body)
	if action == nil {
		h.t.Fatalf("%d: no form in %s", p.status, p.body)
	}
	form := url.Values{}
	for _, m := range inputInPage.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	for name, value := range fields {
		form.Set(name, value)
	}
	return h.post(html.UnescapeString(action[1]), form)
}

func (h *hosted) config(scopes ...string) (*oauth2.Config, *oidc.Provider) {
	h.t.Helper()
	provider, err := oidc.NewProvider(context.Background(), h.url+"/"+h.poolID)
	if err != nil {
		h.t.Fatal(err)
	}
	return &oauth2.Config{ClientID: h.clientID, ClientSecret: h.secret, Endpoint: provider.Endpoint(), RedirectURL: callback, Scopes: scopes}, provider
}

// codeIn is the code that a client is sent.
func (h *hosted) codeIn(p pageSeen, state string) string {
	h.t.Helper()
	u, err := url.Parse(p.location)
	if err != nil || p.status != http.StatusFound || !strings.HasPrefix(p.location, callback+"&") || u.Query().Get("state") != state {
		h.t.Fatalf("%d %s %s", p.status, p.location, p.body)
	}
	return u.Query().Get("code")
}

// TestRelyingParty signs in with go-oidc, which shares no code with this.
func TestRelyingParty(t *testing.T) {
	h := newHosted(t)
	sub := h.makeUser(h.poolID, "ada")
	config, provider := h.config("openid", "email")
	verifier := oauth2.GenerateVerifier()
	p := h.get(config.AuthCodeURL("the state", oidc.Nonce("the nonce"), oauth2.S256ChallengeOption(verifier)))
	if p.status != 200 || !strings.Contains(p.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || p.header.Get("X-Frame-Options") != "DENY" {
		t.Fatalf("%d %v", p.status, p.header)
	}
	wrong := h.submit(p, map[string]string{"username": "ada", "password": "wrong"})
	if wrong.status != 401 || !strings.Contains(wrong.body, "Incorrect username or password.") {
		t.Fatalf("%d %s", wrong.status, wrong.body)
	}
	code := h.codeIn(h.submit(wrong, map[string]string{"username": "ada", "password": goodPassword}), "the state")

	ctx := context.Background()
	if _, err := config.Exchange(ctx, code, oauth2.VerifierOption(oauth2.GenerateVerifier())); err == nil {
		t.Error("another verifier is taken")
	}
	tokens, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	rawID, _ := tokens.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: h.clientID, Now: h.now}).Verify(ctx, rawID)
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject != sub || id.Nonce != "the nonce" || id.VerifyAccessToken(tokens.AccessToken) != nil {
		t.Errorf("%+v", id)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil || info.Subject != sub || info.Email != "ada@example.com" || !info.EmailVerified {
		t.Errorf("%+v %v", info, err)
	}
	again, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: tokens.RefreshToken}).Token()
	if err != nil || again.AccessToken == "" {
		t.Fatal(err)
	}
	// The scope that opens operations on oneself was not asked for.
	_, err = try(h.harness, h.anyone(), api.OpGetUser, &api.GetUserRequest{AccessToken: &again.AccessToken})
	wantCode(t, err, "NotAuthorizedException", "required scopes")

	// The code a second time ends the sign-in.
	if _, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier)); err == nil {
		t.Error("a code is good twice")
	}
	if _, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens)); err == nil {
		t.Error("the sign-in goes on")
	}
}

// What a request may not ask for, and where that is said.
func TestBadRequestsToAuthorize(t *testing.T) {
	h := newHosted(t, func(_ *api.CreateUserPoolRequest, c *api.CreateUserPoolClientRequest) { c.GenerateSecret = ptr(false) })
	challenge := oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())
	good := url.Values{"client_id": {h.clientID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	with := func(change func(url.Values)) url.Values {
		q := url.Values{}
		for name, values := range good {
			q[name] = values
		}
		change(q)
		return q
	}
	h.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if p := h.get(h.base() + "/oauth2/authorize?" + good.Encode()); p.status != 302 || !strings.Contains(p.location, "/login?") {
		t.Fatalf("%d %s", p.status, p.location)
	}
	for what, c := range map[string]struct {
		q    url.Values
		want string // in what the client is sent, or "" for a page of the pool's own
	}{
		"no client":             {with(func(q url.Values) { q.Set("client_id", "x") }), ""},
		"no address":            {with(func(q url.Values) { q.Del("redirect_uri") }), ""},
		"another address":       {with(func(q url.Values) { q.Set("redirect_uri", "https://evil.example/") }), ""},
		"a longer address":      {with(func(q url.Values) { q.Set("redirect_uri", callback+"/x") }), ""},
		"the address elsewhere": {with(func(q url.Values) { q.Set("redirect_uri", "https://app.example/back") }), ""},
		"two addresses":         {with(func(q url.Values) { q["redirect_uri"] = []string{callback, "https://evil.example"} }), ""},
		"the implicit flow":     {with(func(q url.Values) { q.Set("response_type", "token") }), "unsupported_response_type"},
		"an unknown scope":      {with(func(q url.Values) { q.Set("scope", "openid root") }), "invalid_scope"},
		"a scope not allowed":   {with(func(q url.Values) { q.Set("scope", "phone") }), "invalid_scope"},
		"no PKCE":               {with(func(q url.Values) { q.Del("code_challenge") }), "invalid_request"},
		"plain PKCE":            {with(func(q url.Values) { q.Set("code_challenge_method", "plain") }), "invalid_request"},
		"a short challenge":     {with(func(q url.Values) { q.Set("code_challenge", "x") }), "invalid_request"},
	} {
		for _, path := range []string{"/oauth2/authorize?", "/login?"} {
			p := h.get(h.base() + path + c.q.Encode())
			if c.want == "" && (p.status != 400 || p.location != "") ||
				c.want != "" && (p.status != 302 || !strings.HasPrefix(p.location, callback+"&") || !strings.Contains(p.location, "error="+c.want) || !strings.Contains(p.location, "state=s")) {
				t.Errorf("%s at %s: %d %s", what, path, p.status, p.location)
			}
		}
	}
}

// A form that this page did not give to this browser is not taken.
func TestForgedForms(t *testing.T) {
	h := newHosted(t)
	h.makeUser(h.poolID, "ada")
	config, _ := h.config("openid")
	p := h.get(config.AuthCodeURL("s"))
	right := map[string]string{"username": "ada", "password": goodPassword}
	for what, change := range map[string]map[string]string{
		"no token": {"_csrf": ""}, "another token": {"_csrf": "AAAA"},
	} {
		fields := map[string]string{"username": "ada", "password": goodPassword}
		for name, value := range change {
			fields[name] = value
		}
		if got := h.submit(p, fields); got.status != 403 {
			t.Errorf("%s: %d", what, got.status)
		}
	}
	h.newBrowser() // without the cookie
	if got := h.submit(p, right); got.status != 403 {
		t.Errorf("another browser: %d", got.status)
	}
	p = h.get(config.AuthCodeURL("s"))
	p.body = strings.Replace(p.body, "state=s", "state=t", 1) // for another request
	if got := h.submit(p, right); got.status != 403 {
		t.Errorf("another request: %d", got.status)
	}
	p = h.get(config.AuthCodeURL("s"))
	h.pass(2 * time.Hour)
	if got := h.submit(p, right); got.status != 403 {
		t.Errorf("an old page: %d", got.status)
	}
}

// What clients and users write is text in pages.
func TestPagesEscape(t *testing.T) {
	h := newHosted(t)
	config, _ := h.config("openid")
	p := h.get(config.AuthCodeURL(`"><script>alert(1)</script>`))
	if strings.Contains(p.body, "<script") {
		t.Error(p.body)
	}
	p = h.submit(p, map[string]string{"username": `"><img src=x>`, "password": "x"})
	if p.status != 401 || strings.Contains(p.body, "<img") {
		t.Errorf("%d %s", p.status, p.body)
	}
}

// Users with more to do are asked for it, page by page.
func TestHostedSteps(t *testing.T) {
	h := newHosted(t)
	do(h.harness, api.OpSetUserPoolMfaConfig, &api.SetUserPoolMfaConfigRequest{UserPoolId: &h.poolID, MfaConfiguration: ptr("ON"), SoftwareTokenMfaConfiguration: &api.SoftwareTokenMfaConfigType{Enabled: ptr(true)}})
	do(h.harness, api.OpAdminCreateUser, &api.AdminCreateUserRequest{UserPoolId: &h.poolID, Username: ptr("bob"), TemporaryPassword: ptr("Correct-horse-1"), MessageAction: ptr("SUPPRESS")})
	config, _ := h.config("openid")
	p := h.submit(h.get(config.AuthCodeURL("s")), map[string]string{"username": "bob", "password": "Correct-horse-1"})
	if !strings.Contains(p.body, "Choose a password") {
		t.Fatal(p.body)
	}
	p = h.submit(p, map[string]string{"answer": goodPassword})
	seed := regexp.MustCompile(`<code>([A-Z2-7]+)</code>`).FindStringSubmatch(p.body)
	if seed == nil {
		t.Fatal(p.body)
	}
	code := h.codeIn(h.submit(p, map[string]string{"answer": h.totp(seed[1])}), "s")
	if _, err := config.Exchange(context.Background(), code); err != nil {
		t.Fatal(err)
	}
	h.pass(time.Minute)
	p = h.submit(h.get(config.AuthCodeURL("s")), map[string]string{"username": "bob", "password": goodPassword})
	if !strings.Contains(p.body, "Enter a code") {
		t.Fatal(p.body)
	}
	if wrong := h.submit(p, map[string]string{"answer": "0"}); wrong.status != 401 {
		t.Errorf("a wrong code: %d", wrong.status)
	}
	h.codeIn(h.submit(p, map[string]string{"answer": h.totp(seed[1])}), "s")
}

// tokenRequest asks the token endpoint.
func (h *hosted) tokenRequest(form url.Values) (int, map[string]any) {
	h.t.Helper()
	p := h.post(h.base()+"/oauth2/token", form)
	var body map[string]any
	if err := json.Unmarshal([]byte(p.body), &body); err != nil {
		h.t.Fatalf("%d %s", p.status, p.body)
	}
	if p.header.Get("Cache-Control") != "no-store" {
		h.t.Error("a token may be kept")
	}
	return p.status, body
}

func TestClientCredentials(t *testing.T) {
	h := newHosted(t)
	do(h.harness, api.OpCreateResourceServer, &api.CreateResourceServerRequest{UserPoolId: &h.poolID, Identifier: ptr("https://api.example"), Name: ptr("api"), Scopes: []*api.ResourceServerScopeType{
		{ScopeName: ptr("read"), ScopeDescription: ptr("r")}, {ScopeName: ptr("write"), ScopeDescription: ptr("w")},
	}})
	cl := do(h.harness, api.OpCreateUserPoolClient, &api.CreateUserPoolClientRequest{
		UserPoolId: &h.poolID, ClientName: ptr("machine"), GenerateSecret: ptr(true), AllowedOAuthFlowsUserPoolClient: ptr(true),
		AllowedOAuthFlows: []string{"client_credentials"}, AllowedOAuthScopes: []string{"https://api.example/read"},
	}).UserPoolClient
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {*cl.ClientId}, "client_secret": {*cl.ClientSecret}, "scope": {"https://api.example/read"}}
	status, body := h.tokenRequest(form)
	token, _ := body["access_token"].(string)
	claims := h.claimsOf(h.poolID, token)
	if status != 200 || body["refresh_token"] != nil || body["id_token"] != nil || claims["scope"] != "https://api.example/read" || claims["sub"] != *cl.ClientId {
		t.Errorf("%d %v %v", status, body, claims)
	}
	_, err := try(h.harness, h.anyone(), api.OpGetUser, &api.GetUserRequest{AccessToken: &token})
	wantCode(t, err, "NotAuthorizedException", "Invalid Access Token")
	for what, c := range map[string]struct{ name, value, want string }{
		"a scope not allowed": {"scope", "https://api.example/write", "invalid_scope"},
		"an unknown scope":    {"scope", "openid", "invalid_scope"},
		"a wrong secret":      {"client_secret", "x", "invalid_client"},
		"no secret":           {"client_secret", "", "invalid_client"},
		"another client":      {"client_id", "x", "invalid_client"},
		"another grant":       {"grant_type", "password", "unsupported_grant_type"},
		"of another client":   {"grant_type", "authorization_code", "invalid_grant"},
	} {
		bad := url.Values{}
		for name, values := range form {
			bad[name] = values
		}
		bad.Set(c.name, c.value)
		if status, body := h.tokenRequest(bad); status != 400 || body["error"] != c.want {
			t.Errorf("%s: %d %v", what, status, body)
		}
	}
	if status, body := h.tokenRequest(url.Values{"grant_type": {"client_credentials"}, "client_id": {h.clientID}, "client_secret": {h.secret}}); status != 400 || body["error"] != "unauthorized_client" {
		t.Errorf("%d %v", status, body)
	}
}

func TestRevokeAndLogout(t *testing.T) {
	h := newHosted(t)
	h.makeUser(h.poolID, "ada")
	config, provider := h.config("openid")
	code := h.codeIn(h.submit(h.get(config.AuthCodeURL("s")), map[string]string{"username": "ada", "password": goodPassword}), "s")
	tokens, err := config.Exchange(context.Background(), code)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"token": {tokens.RefreshToken}, "client_id": {h.clientID}, "client_secret": {h.secret}}
	if p := h.post(h.base()+"/oauth2/revoke", form); p.status != 200 {
		t.Errorf("%d %s", p.status, p.body)
	}
	if _, err := provider.UserInfo(context.Background(), oauth2.StaticTokenSource(tokens)); err == nil {
		t.Error("the sign-in goes on")
	}
	if status, body := h.tokenRequest(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.RefreshToken}, "client_id": {h.clientID}, "client_secret": {h.secret}}); status != 400 || body["error"] != "invalid_grant" {
		t.Errorf("%d %v", status, body)
	}
	if p := h.get(h.base() + "/logout?client_id=" + h.clientID + "&logout_uri=" + url.QueryEscape("https://app.example/bye")); p.location != "https://app.example/bye" {
		t.Errorf("%d %s", p.status, p.location)
	}
	if p := h.get(h.base() + "/logout?client_id=" + h.clientID + "&logout_uri=" + url.QueryEscape("https://evil.example")); p.status != 400 || p.location != "" {
		t.Errorf("%d %s", p.status, p.location)
	}
}

// Documents are at the address that tokens name, and at the node's own.
func TestDocuments(t *testing.T) {
	h := newHosted(t)
	for _, path := range []string{"/" + h.poolID, "/_aws/cognito-idp/" + h.poolID} {
		p := h.get(h.url + path + "/.well-known/openid-configuration")
		var doc map[string]any
		if err := json.Unmarshal([]byte(p.body), &doc); err != nil || doc["issuer"] != h.url+"/"+h.poolID {
			t.Errorf("%s: %d %s", path, p.status, p.body)
		}
		keys := h.get(h.url + path + "/.well-known/jwks.json")
		if strings.Count(keys.body, `"kid"`) != 2 || strings.Contains(keys.body, `"d"`) {
			t.Errorf("%s", keys.body)
		}
	}
	if p := h.get(h.url + "/us-east-1_nothere01/.well-known/jwks.json"); p.status == 200 {
		t.Error("keys of no pool")
	}
	if p := h.get(h.url + "/_aws/cognito/nobody/login"); p.status != 404 {
		t.Errorf("a domain that is not: %d", p.status)
	}
	if p := h.get(h.base() + "/elsewhere"); p.status != 404 {
		t.Errorf("%d", p.status)
	}
}
