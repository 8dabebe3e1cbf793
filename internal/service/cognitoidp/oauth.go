package cognitoidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/store"
)

// oauthRefusal refuses a client (RFC 6749, section 5.2).
func oauthRefusal(code, why string) error {
	return refuse(code, oauthError(http.StatusBadRequest, code, why))
}

// clientAtFront finds out which client makes a request to the token endpoint, by
// its secret if it has one.
func (s *Service) clientAtFront(c *door.Call, x *exchange) (*client, error) {
	id, secret := x.form.Get("client_id"), x.form.Get("client_secret")
	if name, password, ok := x.r.BasicAuth(); ok {
		unescaped, err1 := url.QueryUnescape(name)
		word, err2 := url.QueryUnescape(password)
		if err1 != nil || err2 != nil || id != "" && id != unescaped || secret != "" {
			return nil, oauthRefusal("invalid_client", "")
		}
		id, secret = unescaped, word
	}
	var cl *client
	err := c.View(func(r store.Reader) (err error) {
		cl, err = clientOf(r, x.p, &id)
		return err
	})
	if isWire(err) {
		return nil, oauthRefusal("invalid_client", "")
	}
	if err != nil {
		return nil, err
	}
	given := &secret
	if secret == "" {
		given = nil
	}
	if cl.authenticate(given) != nil {
		return nil, oauthRefusal("invalid_client", "invalid_client_secret")
	}
	return cl, nil
}

// tokenEndpoint gives tokens for a code, a refresh token or a client's own
// credentials (RFC 6749, section 3.2).
func (s *Service) tokenEndpoint(c *door.Call, x *exchange) (*answer, error) {
	for _, values := range x.form {
		if len(values) > 1 {
			return nil, oauthRefusal("invalid_request", "")
		}
	}
	if len(x.form) == 0 {
		return nil, oauthRefusal("invalid_request", "")
	}
	cl, err := s.clientAtFront(c, x)
	if err != nil {
		return nil, err
	}
	switch x.form.Get("grant_type") {
	case "authorization_code":
		return s.exchangeCode(c, x, cl)
	case "refresh_token":
		return s.exchangeRefresh(c, x, cl)
	case "client_credentials":
		return s.clientCredentials(c, x, cl)
	}
	return nil, oauthRefusal("unsupported_grant_type", "")
}

func tokenAnswer(out *api.AuthenticationResultType) *answer {
	body := map[string]any{"access_token": out.AccessToken, "expires_in": out.ExpiresIn, "token_type": "Bearer"}
	if out.IdToken != nil {
		body["id_token"] = out.IdToken
	}
	if out.RefreshToken != nil {
		body["refresh_token"] = out.RefreshToken
	}
	return asJSON(http.StatusOK, body)
}

// exchangeCode gives the tokens of a sign-in for its code, once. A second time
// ends the sign-in: the code was not the client's alone (RFC 6749, section 4.1.2).
func (s *Service) exchangeCode(c *door.Call, x *exchange, cl *client) (*answer, error) {
	bad := func() error { return oauthRefusal("invalid_grant", "") }
	text := x.form.Get("code")
	var kept *authCode
	var u *user
	err := c.View(func(r store.Reader) (err error) {
		if kept, err = authCodes.Get(r, store.K(text)); err != nil {
			return err
		}
		u, err = users.Get(r, store.K(kept.Pool, kept.User))
		return err
	})
	if isMissing(err) {
		return nil, bad()
	}
	if err != nil {
		return nil, err
	}
	if kept.Client != cl.ID || kept.Pool != x.p.ID || kept.Redirect != x.form.Get("redirect_uri") || !c.Time.Before(kept.Expires) ||
		u.Sub != kept.Sub || !u.Enabled || !proves(kept.Challenge, x.form.Get("code_verifier")) {
		return nil, bad()
	}
	if kept.Grant != "" {
		if err := s.endSignIn(c, kept); err != nil {
			return nil, err
		}
		return nil, bad()
	}
	in := &signIn{p: x.p, client: cl, u: u, scopes: kept.Scopes, hosted: true, nonce: kept.Nonce, source: "TokenGeneration_HostedAuth", authTime: kept.AuthTime}
	in.granted = func(tx *store.Tx, g *grant) error {
		again, err := authCodes.Get(tx, store.K(text))
		if isMissing(err) || err == nil && again.Grant != "" {
			return bad()
		}
		if err != nil {
			return err
		}
		again.Grant = g.ID
		return authCodes.Put(tx, store.K(text), again)
	}
	out, err := s.complete(c, in)
	if err != nil {
		return nil, oauthFailure(err)
	}
	return tokenAnswer(out), nil
}

// oauthFailure is an error of a sign-in as this endpoint has it.
func oauthFailure(err error) error {
	switch {
	case isCode(err, "NotAuthorizedException"), isCode(err, "UserNotFoundException"):
		return oauthRefusal("invalid_grant", "")
	case isCode(err, "UserLambdaValidationException"), isCode(err, "InvalidLambdaResponseException"), isCode(err, "UnexpectedLambdaException"):
		return oauthRefusal("invalid_request", "a function of the user pool failed")
	}
	return err
}

func (s *Service) endSignIn(c *door.Call, kept *authCode) error {
	return c.Commit(func(tx *store.Tx) error {
		err := grants.Delete(tx, store.K(kept.Pool, kept.User, kept.Grant))
		if isMissing(err) {
			return nil
		}
		return err
	})
}

// proves tells whether a verifier is that of a challenge (RFC 7636, section 4.6).
func proves(challenge, verifier string) bool {
	if challenge == "" {
		return verifier == ""
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

func (s *Service) exchangeRefresh(c *door.Call, x *exchange, cl *client) (*answer, error) {
	out, err := s.refresh(c, x.p, cl, x.form.Get("refresh_token"), nil)
	if err != nil {
		return nil, oauthFailure(err)
	}
	return tokenAnswer(out), nil
}

// clientCredentials gives a client a token of its own, with scopes of resource
// servers (RFC 6749, section 4.4).
func (s *Service) clientCredentials(c *door.Call, x *exchange, cl *client) (*answer, error) {
	if !val(cl.Spec.AllowedOAuthFlowsUserPoolClient) || !slices.Contains(cl.Spec.AllowedOAuthFlows, "client_credentials") || cl.Secret.Empty() {
		return nil, oauthRefusal("unauthorized_client", "")
	}
	scopes := strings.Fields(x.form.Get("scope"))
	if len(scopes) == 0 {
		scopes = cl.Spec.AllowedOAuthScopes
	}
	life := cl.lives().access
	claims := map[string]any{
		"sub": cl.ID, "client_id": cl.ID, "token_use": "access", "scope": strings.Join(scopes, " "), "iss": s.issuer(x.p), "version": 2,
		"auth_time": c.Time.Unix(), "iat": c.Time.Unix(), "exp": c.Time.Add(life).Unix(), "jti": uuid.NewString(),
	}
	var token string
	err := c.View(func(r store.Reader) error {
		for _, one := range scopes {
			known, err := hasScope(r, x.p, one)
			if err != nil {
				return err
			}
			if !known || !slices.Contains(cl.Spec.AllowedOAuthScopes, one) {
				return oauthRefusal("invalid_scope", "")
			}
		}
		var err error
		token, err = s.sign(r, x.p, accessUse, c.Time, claims)
		return err
	})
	if err != nil {
		return nil, err
	}
	return tokenAnswer(&api.AuthenticationResultType{AccessToken: &token, ExpiresIn: ptr(int64(life / time.Second))}), nil
}

// userInfo says of the holder of an access token what its scopes ask for (OpenID
// Connect Core, section 5.3). All values are texts, as Cognito has them.
func (s *Service) userInfo(c *door.Call, x *exchange) (*answer, error) {
	refusal := func(status int, code, why string) error {
		a := oauthError(status, code, why)
		a.header.Set("WWW-Authenticate", `Bearer error="`+code+`", error_description="`+why+`"`)
		return refuse(code, a)
	}
	token, ok := strings.CutPrefix(x.r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, refusal(http.StatusUnauthorized, "invalid_request", "The access token is missing")
	}
	var b *bearer
	err := c.View(func(r store.Reader) (err error) {
		b, err = s.bearerOf(r, token, c.Time)
		return err
	})
	if isWire(err) || err == nil && b.p.ID != x.p.ID {
		return nil, refusal(http.StatusUnauthorized, "invalid_token", "Access token is expired, disabled, or deleted, or the user has globally signed out.")
	}
	if err != nil {
		return nil, err
	}
	if !b.claims.has("openid") {
		return nil, refusal(http.StatusForbidden, "insufficient_scope", "The token does not have the scope openid")
	}
	body := map[string]any{"sub": b.u.Sub, "username": b.u.Name}
	for _, name := range keysOf(b.u.Attributes) {
		if b.client.mayRead(name) && inScope(strings.Fields(b.claims.Scope), name) && !strings.HasPrefix(name, "dev:") {
			body[name] = b.u.Attributes[name]
		}
	}
	return asJSON(http.StatusOK, body), nil
}

// revokeEndpoint ends the sign-in of a refresh token (RFC 7009).
func (s *Service) revokeEndpoint(c *door.Call, x *exchange) (*answer, error) {
	cl, err := s.clientAtFront(c, x)
	if err != nil {
		return nil, err
	}
	token := x.form.Get("token")
	switch {
	case token == "":
		return nil, oauthRefusal("invalid_request", "")
	case !val(cl.Spec.EnableTokenRevocation):
		return nil, oauthRefusal("unsupported_token_type", "")
	}
	err = s.revoke(c, &attempt{s: s, c: c, p: x.p, client: cl}, token)
	if isCode(err, "UnsupportedTokenTypeException") {
		return nil, oauthRefusal("unsupported_token_type", "")
	}
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK}, nil
}
