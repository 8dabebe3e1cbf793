package cognitoidp

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/store"
)

// asking is what a client asks for at the authorisation endpoint (RFC 6749,
// section 4.1.1; RFC 7636, section 4.3), checked.
type asking struct {
	client    *client
	redirect  string
	state     string
	nonce     string
	challenge string // of PKCE, "" for none
	scopes    []string
	provider  string
}

var challengePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// readAsking checks a request. What is wrong with the client or the address to
// return to is shown here; all else goes back to the client.
func (s *Service) readAsking(c *door.Call, x *exchange, q url.Values) (*asking, error) {
	for name, values := range q {
		if len(values) > 1 {
			return nil, refuse("InvalidRequest", errorPage(http.StatusBadRequest, "The parameter "+name+" is given more than once."))
		}
	}
	a := &asking{redirect: q.Get("redirect_uri"), state: q.Get("state"), nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), provider: q.Get("identity_provider")}
	err := c.View(func(r store.Reader) (err error) {
		id := q.Get("client_id")
		a.client, err = clientOf(r, x.p, &id)
		return err
	})
	if isWire(err) {
		return nil, refuse("InvalidClient", errorPage(http.StatusBadRequest, "The application is not known here."))
	}
	if err != nil {
		return nil, err
	}
	spec := &a.client.Spec
	if !slices.Contains(spec.CallbackURLs, a.redirect) {
		return nil, refuse("RedirectMismatch", errorPage(http.StatusBadRequest, "The address to return to is none of the application's (redirect_mismatch)."))
	}
	back := func(code, why string) error {
		return refuse(code, redirect(withQuery(a.redirect, url.Values{"error": {code}, "error_description": {why}, "state": {a.state}})))
	}
	if a.scopes = strings.Fields(q.Get("scope")); len(a.scopes) == 0 {
		a.scopes = spec.AllowedOAuthScopes
	}
	switch {
	case q.Get("response_type") != "code":
		return nil, back("unsupported_response_type", "Only the response type code is there.")
	case !val(spec.AllowedOAuthFlowsUserPoolClient) || !slices.Contains(spec.AllowedOAuthFlows, "code"):
		return nil, back("unauthorized_client", "The application may not use this flow.")
	case slices.ContainsFunc(a.scopes, func(one string) bool { return !slices.Contains(spec.AllowedOAuthScopes, one) }):
		return nil, back("invalid_scope", "The application may not ask for this scope.")
	case a.challenge == "" && a.client.Secret.Empty():
		return nil, back("invalid_request", "An application without a secret has to use PKCE: code_challenge is missing.")
	case a.challenge != "" && (q.Get("code_challenge_method") != "S256" || !challengePattern.MatchString(a.challenge)):
		return nil, back("invalid_request", "The code_challenge_method is S256, and code_challenge a hash by it.")
	case len(a.state)+len(a.nonce) > 8<<10:
		return nil, back("invalid_request", "state and nonce are too long.")
	}
	return a, nil
}

// query writes what was asked for again.
func (a *asking) query() url.Values {
	q := url.Values{"client_id": {a.client.ID}, "redirect_uri": {a.redirect}, "response_type": {"code"}, "scope": {strings.Join(a.scopes, " ")}}
	for name, value := range map[string]string{"state": a.state, "nonce": a.nonce, "code_challenge": a.challenge} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if a.challenge != "" {
		q.Set("code_challenge_method", "S256")
	}
	return q
}

// withQuery adds to the query of an address that a client registered. What is
// empty is left out.
func withQuery(address string, more url.Values) string {
	for name, values := range more {
		if len(values) == 1 && values[0] == "" {
			delete(more, name)
		}
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + more.Encode()
}

// authorize sends the browser on to where its user signs in.
func (s *Service) authorize(c *door.Call, x *exchange) (*answer, error) {
	q := x.query
	if x.r.Method == http.MethodPost {
		q = x.form
	}
	a, err := s.readAsking(c, x, q)
	if err != nil {
		return nil, err
	}
	if a.provider != "" && a.provider != "COGNITO" {
		return s.toProvider(c, x, a)
	}
	return redirect(x.base + "/login?" + a.query().Encode()), nil
}

// hostedSignIn is a sign-in by the pages of a pool's domain.
type hostedSignIn struct {
	asking *asking
	code   string // for the client, when it is done
}

// codeLife is how long an authorisation code is good
// (https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html).
const codeLife = 5 * time.Minute

// authCode is an authorisation code, by its own text.
type authCode struct {
	Pool, User, Sub, Client string
	Redirect, Challenge     string
	Nonce                   string
	Scopes                  []string
	AuthTime, Expires       time.Time
	Grant                   string // of the sign-in that it was exchanged for
}

var authCodes = store.Define[authCode]("cognitoidp.authcode", store.Expiry(func(a *authCode) time.Time { return a.Expires })) // code

// finish ends a sign-in with a code for the client instead of tokens.
func (h *hostedSignIn) finish(at *attempt, in *signIn) (*cognitoidp.InitiateAuthResponse, error) {
	code := random(mixedAlnum, 43)
	name(at.c, in.p, in.client, in.u)
	err := at.c.Commit(func(tx *store.Tx) error {
		if err := spend(tx, in.spend, in.spendTo); err != nil {
			return err
		}
		if err := inTurn(tx, in.pending); err != nil {
			return err
		}
		u, err := stillThere(tx, in.u)
		if err != nil {
			return err
		}
		if in.change != nil {
			if err := in.change(tx, u); err != nil {
				return err
			}
		}
		return authCodes.Insert(tx, store.K(code), h.asking.code(in, at.c.Time))
	})
	if err != nil {
		return nil, err
	}
	h.code = code
	return &cognitoidp.InitiateAuthResponse{}, nil
}

func (a *asking) code(in *signIn, at time.Time) *authCode {
	return &authCode{
		Pool: in.p.ID, User: in.u.Key, Sub: in.u.Sub, Client: a.client.ID, Redirect: a.redirect, Challenge: a.challenge, Nonce: a.nonce, Scopes: a.scopes,
		AuthTime: at, Expires: at.Add(codeLife),
	}
}

// stillThere reads a user who may have changed since it was seen.
func stillThere(tx *store.Tx, seen *user) (*user, error) {
	u, err := users.Get(tx, seen.key())
	if isMissing(err) {
		return nil, noUser()
	}
	if err != nil {
		return nil, err
	}
	if u.Sub != seen.Sub || !u.Enabled || !samePassword(u, seen) {
		return nil, badCredentials()
	}
	return u, nil
}

// logout ends what the browser knows, which is nothing, and sends it on to an
// address of the client's.
func (s *Service) logout(c *door.Call, x *exchange) (*answer, error) {
	if x.query.Get("redirect_uri") != "" {
		return s.authorize(c, x)
	}
	id := x.query.Get("client_id")
	var cl *client
	err := c.View(func(r store.Reader) (err error) {
		cl, err = clientOf(r, x.p, &id)
		return err
	})
	if isWire(err) || err == nil && !slices.Contains(cl.Spec.LogoutURLs, x.query.Get("logout_uri")) {
		return nil, refuse("RedirectMismatch", errorPage(http.StatusBadRequest, "The address to go on to is none of the application's."))
	}
	if err != nil {
		return nil, err
	}
	return redirect(x.query.Get("logout_uri")), nil
}
