package cognitoidp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cloister/internal/dial"
	"cloister/internal/door"
	"cloister/internal/oidc"
	"cloister/internal/store"
)

const (
	providerTable  = "cognitoidp federation"
	providerCookie = "cognito-fed"
	providerLife   = 10 * time.Minute
	responsePath   = "/oauth2/idpresponse"
)

// awaiting is what a browser brings back from a provider, sealed.
type awaiting struct {
	ID, Provider, Query     string
	Cookie, Nonce, Verifier string
	Issued                  time.Time
}

func cannotContinue(why string) error {
	return refuse("FederationFailed", errorPage(http.StatusBadRequest, why))
}

// toProvider sends the browser to an identity provider (OpenID Connect Core,
// section 3.1.2.1).
func (s *Service) toProvider(c *door.Call, x *exchange, a *asking) (*answer, error) {
	i, err := s.supported(c, x.p, a.client, a.provider)
	if err != nil {
		return nil, err
	}
	w := awaiting{ID: random(mixedAlnum, 32), Provider: i.Name, Query: a.query().Encode(), Cookie: random(mixedAlnum, 43),
		Nonce: random(mixedAlnum, 32), Verifier: random(mixedAlnum, 64), Issued: c.Time}
	sealed, err := s.sealFor(providerTable, a.client.ID, w)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(w.Verifier))
	out := redirect(withQuery(i.Details["authorize_url"], url.Values{
		"client_id": {i.Details["client_id"]}, "redirect_uri": {x.base + responsePath}, "response_type": {"code"}, "scope": {i.Details["authorize_scopes"]},
		"state": {a.client.ID + "." + sealed}, "nonce": {w.Nonce}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}))
	// Lax: the provider sends the browser back from another site.
	set := http.Cookie{Name: providerCookie, Value: w.Cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: x.r.TLS != nil, MaxAge: int(providerLife / time.Second)}
	out.header.Set("Set-Cookie", set.String())
	return out, nil
}

func (s *Service) supported(c *door.Call, p *pool, cl *client, name string) (i *identityProvider, err error) {
	if !slices.Contains(cl.Spec.SupportedIdentityProviders, name) {
		return nil, cannotContinue("The identity provider is not one of the application's.")
	}
	err = c.View(func(r store.Reader) (err error) {
		i, err = providers.Get(r, store.K(p.ID, name))
		return err
	})
	if isMissing(err) {
		return nil, cannotContinue("The identity provider is not known here.")
	}
	return i, err
}

// fromProvider takes what a browser brings back, and sends it on to the client
// with a code of this pool's.
func (s *Service) fromProvider(c *door.Call, x *exchange) (*answer, error) {
	w, a, err := s.awaited(c, x)
	if err != nil {
		return nil, err
	}
	i, err := s.supported(c, x.p, a.client, w.Provider)
	if err != nil {
		return nil, err
	}
	if x.query.Get("code") == "" {
		return nil, refuse("access_denied", redirect(withQuery(a.redirect, url.Values{"error": {"access_denied"}, "error_description": {"The identity provider let nobody in."}, "state": {a.state}})))
	}
	claims, err := s.redeem(c, i, x.query.Get("code"), x.base+responsePath, w)
	if err != nil {
		slog.Warn("a user could not be taken from an identity provider", "provider", i.Name, "pool", x.p.ID, "error", err)
		return nil, cannotContinue("The identity provider's answer cannot be used.")
	}
	at := &attempt{s: s, c: c, p: x.p, client: a.client, hosted: &hostedSignIn{asking: a}}
	u, err := at.federated(i, claims)
	if err != nil {
		return nil, err
	}
	in := &signIn{p: x.p, client: a.client, u: u, pending: at.pending, spend: w.ID, spendTo: w.Issued.Add(providerLife)}
	if _, err := at.hosted.finish(at, in); err != nil {
		if isWire(err) {
			return nil, cannotContinue("You may not sign in now.")
		}
		return nil, err
	}
	return redirect(withQuery(a.redirect, url.Values{"code": {at.hosted.code}, "state": {a.state}})), nil
}

// awaited opens the state of a request, which is of this browser and not old.
func (s *Service) awaited(c *door.Call, x *exchange) (*awaiting, *asking, error) {
	id, sealed, _ := strings.Cut(x.query.Get("state"), ".")
	var w awaiting
	if s.openFor(providerTable, id, sealed, &w) != nil || c.Time.After(w.Issued.Add(providerLife)) ||
		subtle.ConstantTimeCompare([]byte(w.Cookie), []byte(x.cookies[providerCookie])) != 1 {
		return nil, nil, cannotContinue("The sign-in was begun elsewhere, or too long ago.")
	}
	q, err := url.ParseQuery(w.Query)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.readAsking(c, x, q)
	return &w, a, err
}

// redeem exchanges a provider's code for an ID token, and verifies that it is the
// one that was asked for (OpenID Connect Core, sections 3.1.3.3 and 3.1.3.7).
func (s *Service) redeem(ctx context.Context, i *identityProvider, code, back string, w *awaiting) (*oidc.Claims, error) {
	text, err := s.post(ctx, i.Details["token_url"], url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}, "client_id": {i.Details["client_id"]},
		"client_secret": {string(i.Secret.Reveal())}, "code_verifier": {w.Verifier},
	}, dial.Trust{}, 256<<10)
	if err != nil {
		return nil, err
	}
	var tokens struct {
		ID string `json:"id_token"`
	}
	if err := json.Unmarshal(text, &tokens); err != nil {
		return nil, errProvider
	}
	token, err := oidc.Parse(tokens.ID)
	if err != nil {
		return nil, err
	}
	issuer := i.Details["oidc_issuer"]
	if token.Issuer() != issuer {
		return nil, errProvider
	}
	keys, err := s.issuers.Of(ctx, &oidc.Issuer{URL: issuer}, token.Key(), true)
	if err != nil {
		return nil, err
	}
	claims, err := token.Verify(keys)
	if err != nil {
		return nil, err
	}
	nonce, _ := claims.Scalar("nonce")
	mine := i.Details["client_id"]
	if !slices.Contains(claims.Audience, mine) || claims.AuthorizedParty != "" && claims.AuthorizedParty != mine || len(claims.Audience) > 1 && claims.AuthorizedParty == "" ||
		nonce != w.Nonce || claims.Subject == "" || len(claims.Subject) > 100 {
		return nil, errProvider
	}
	return claims, claims.CheckTime(s.now(), time.Minute)
}

// federated is the user of an account at a provider: the one that it was linked
// to, or one of its own, who is no local user's alias whatever the provider says.
// What is changed is pending.
func (at *attempt) federated(i *identityProvider, claims *oidc.Claims) (*user, error) {
	var u *user
	err := at.c.View(func(r store.Reader) error {
		found, err := users.Lookup(r, "identity", store.K(at.p.ID, i.Name, claims.Subject))
		u = found.Value
		return err
	})
	if err != nil && !isMissing(err) {
		return nil, err
	}
	mapped := map[string]string{}
	for name, claim := range i.Mapping {
		if value, ok := claims.Scalar(claim); ok && name != "username" {
			mapped[name] = value
		}
	}
	if err := at.p.checkAttributes(mapped, true, true); err != nil {
		return nil, cannotContinue("The identity provider says of you what this pool does not take.")
	}
	if u != nil && u.Status != external {
		return u, nil // linked: what the pool says of its own user stays
	}
	if u == nil {
		return at.newFederated(i, claims.Subject, mapped)
	}
	at.pending = append(at.pending, func(tx *store.Tx) error {
		return change(tx, at.p, u, at.c, func(stored *user) error {
			stored.setAttributes(at.p, mapped)
			return nil
		})
	})
	return u, nil
}

func (at *attempt) newFederated(i *identityProvider, subject string, mapped map[string]string) (*user, error) {
	u := &user{Pool: at.p.ID, Sub: uuid.NewString(), Name: i.Name + "_" + subject, Attributes: mapped, Enabled: true, Status: external, Created: at.c.Time}
	u.Key = at.p.fold(u.Name)
	u.Identities = []identity{{Provider: i.Name, Type: i.Type, UserID: subject, Primary: true, Created: at.c.Time}}
	if _, err := at.s.preSignUp(at.c, at.p, at.client, u, "PreSignUp_ExternalProvider", nil, nil); err != nil {
		return nil, cannotContinue("You may not sign up here.")
	}
	at.pending = append(at.pending, func(tx *store.Tx) error {
		stored := *u
		return at.p.insert(tx, &stored)
	})
	return u, nil
}
