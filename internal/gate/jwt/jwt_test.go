package jwt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cloister/internal/oidc"
	"cloister/internal/oidc/oidctest"
)

const url = "https://idp.example/realm"

func TestVerify(t *testing.T) {
	issuer, other := oidctest.New(t, url), oidctest.New(t, url)
	v, now := New(oidc.NewKeys(issuer.Fetch), nil), time.Now()
	good := issuer.Token(map[string]any{"scope": "a b"})
	for range 2 { // the second time from memory
		claims, err := v.Verify(t.Context(), url, good, now)
		if err != nil || claims.Subject == "" {
			t.Fatalf("a good token: %v", err)
		}
	}
	if v.good.Len() != 1 {
		t.Fatalf("%d tokens are remembered", v.good.Len())
	}
	for what, c := range map[string]struct {
		token, issuer string
		at            time.Time
		err           error
	}{
		"another's key":          {other.Token(nil), url, now, oidc.ErrSignature},
		"another issuer's name":  {issuer.Token(map[string]any{"iss": "https://evil.example"}), url, now, ErrIssuer},
		"for another protector":  {good, "https://evil.example", now, ErrIssuer},
		"expired":                {good, url, now.Add(11 * time.Minute), oidc.ErrExpired},
		"expired and new":        {issuer.Token(map[string]any{"exp": now.Unix() - 1}), url, now, oidc.ErrExpired},
		"never expires":          {issuer.Token(map[string]any{"exp": nil}), url, now, oidc.ErrExpired},
		"not yet":                {issuer.Token(map[string]any{"nbf": now.Unix() + 60}), url, now, oidc.ErrNotYet},
		"of the future":          {issuer.Token(map[string]any{"iat": now.Unix() + 60}), url, now, oidc.ErrNotYet},
		"padding":                {good + "=", url, now, oidc.ErrMalformed},
		"very long":              {good + strings.Repeat("A", mostToken), url, now, oidc.ErrMalformed},
		"nothing":                {"", url, now, oidc.ErrMalformed},
		"a key of another curve": {issuer.Sign(jose.ES256, issuer.Claims(nil), map[jose.HeaderKey]any{"kid": issuer.KeyOf(jose.ES384)}), url, now, oidc.ErrSignature},
	} {
		claims, err := v.Verify(t.Context(), c.issuer, c.token, c.at)
		if !errors.Is(err, c.err) || !Invalid(err) {
			t.Errorf("%s: %v (%v), want %v", what, err, claims, c.err)
		}
	}
	if v.good.Len() != 1 {
		t.Errorf("%d tokens are remembered", v.good.Len())
	}
}

// own is an issuer of this node, known by two names.
type own struct {
	*oidctest.Issuer
	keys []jose.JSONWebKey
}

const publicForm, localForm = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc", "https://node.example/us-east-1_abc"

func (o *own) Keys(_ context.Context, url string) (string, []jose.JSONWebKey, bool, error) {
	return publicForm, o.keys, url == publicForm || url == localForm, nil
}

// A token is forgotten when its issuer has other keys, at once where the issuer
// is the node itself; both names of that mean the same.
func TestRotation(t *testing.T) {
	o := &own{Issuer: oidctest.New(t, publicForm)}
	o.keys = o.KeySet().Keys
	v := New(oidc.NewKeys(o.Fetch), o)
	token := o.Token(nil)
	for _, form := range []string{publicForm, localForm, publicForm} {
		if _, err := v.Verify(t.Context(), form, token, time.Now()); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
	}
	if _, err := v.Verify(t.Context(), url, token, time.Now()); !errors.Is(err, ErrIssuer) {
		t.Errorf("for another issuer: %v", err)
	}
	o.Rotate()
	o.keys = o.KeySet().Keys
	if _, err := v.Verify(t.Context(), publicForm, token, time.Now()); !errors.Is(err, oidc.ErrSignature) {
		t.Errorf("after the rotation: %v", err)
	}
}

func BenchmarkVerifyAgain(b *testing.B) {
	issuer := oidctest.New(b, url)
	v, token, now := New(oidc.NewKeys(issuer.Fetch), nil), issuer.Token(nil), time.Now()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), url, token, now); err != nil {
			b.Fatal(err)
		}
	}
}
