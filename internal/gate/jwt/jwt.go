// Package jwt verifies the tokens that callers of APIs present, and remembers
// those that were good, so that the same token costs one hash and not one
// signature.
//
// What holds:
//   - A token is remembered by its hash and as good under the very keys that its
//     issuer had; when the issuer has others it is verified again.
//   - Its times are looked at on every use.
//   - The issuer is the one that whoever protects something names, never the one
//     that the token names.
//   - The memory is bounded, and nothing that is no good is in it.
package jwt

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cloister/internal/gate/ttl"
	"cloister/internal/oidc"
)

// Own are the identity providers that this node is itself, asked without a
// connection. It is safe for concurrent use.
type Own interface {
	// Keys gives the issuer of a URL, in one form where it has several, and its
	// keys: the same slice until they change. ok is false for other people's.
	Keys(ctx context.Context, url string) (issuer string, keys []jose.JSONWebKey, ok bool, err error)
}

// Errors of Verify, beside those of oidc.Keys: Invalid says which are the
// caller's fault.
var ErrIssuer = errors.New("the token is of another issuer")

// Invalid says whether an error of Verify means that the token is no good. Others
// mean that it could not be found out.
func Invalid(err error) bool {
	for _, e := range []error{ErrIssuer, oidc.ErrMalformed, oidc.ErrSignature, oidc.ErrNoKey, oidc.ErrExpired, oidc.ErrNotYet} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// mostTokens bounds the memory; a token's claims are a few kilobytes.
const mostTokens = 10_000

// mostToken is how long a token may be, in bytes.
const mostToken = 16 << 10

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	keys *oidc.Keys
	own  Own
	good *ttl.Memory[[sha256.Size]byte, *verified]
}

type verified struct {
	claims *oidc.Claims
	issuer string           // as the protector named it
	keys   *jose.JSONWebKey // the first of those that verified it
	count  int
}

// New makes a verifier. own may be nil.
func New(keys *oidc.Keys, own Own) *Verifier {
	return &Verifier{keys: keys, own: own, good: ttl.New[[sha256.Size]byte, *verified](mostTokens)}
}

// Verify gives the claims of a token of an issuer that is good at a time. Whom it
// is for, and what it is good for, is the caller's to decide. The claims are
// shared and not to be changed.
func (v *Verifier) Verify(ctx context.Context, issuer, text string, now time.Time) (*oidc.Claims, error) {
	if len(text) > mostToken {
		return nil, oidc.ErrMalformed
	}
	hash := sha256.Sum256([]byte(text))
	if known, ok := v.good.Get(hash, now); ok && known.issuer == issuer {
		if keys, err := v.of(ctx, issuer, issuer, ""); err == nil && known.under(keys) {
			return known.claims, known.claims.CheckTime(now, 0)
		}
	}
	token, err := oidc.Parse(text)
	if err != nil {
		return nil, err
	}
	keys, err := v.of(ctx, issuer, token.Issuer(), token.Key())
	if err != nil {
		return nil, err
	}
	claims, err := token.Verify(keys)
	if err != nil {
		return nil, err
	}
	if err := claims.CheckTime(now, 0); err != nil {
		return nil, err
	}
	v.good.Put(hash, &verified{claims, issuer, &keys[0], len(keys)}, ends(claims))
	return claims, nil
}

// of gives the keys of an issuer, if the token names that one.
func (v *Verifier) of(ctx context.Context, issuer, named, id string) ([]jose.JSONWebKey, error) {
	if v.own != nil {
		canonical, keys, ok, err := v.own.Keys(ctx, issuer)
		if err != nil {
			return nil, err
		}
		if ok {
			return keys, v.sameOwn(ctx, canonical, issuer, named)
		}
	}
	if named != issuer {
		return nil, ErrIssuer
	}
	return v.keys.Of(ctx, &oidc.Issuer{URL: issuer}, id, true)
}

// sameOwn says that a token names one of this node's issuers in any of its forms.
func (v *Verifier) sameOwn(ctx context.Context, canonical, issuer, named string) error {
	if named == issuer {
		return nil
	}
	other, _, ok, err := v.own.Keys(ctx, named)
	if err == nil && (!ok || other != canonical) {
		err = ErrIssuer
	}
	return err
}

// under says whether the keys are those that verified the token.
func (k *verified) under(keys []jose.JSONWebKey) bool {
	return len(keys) == k.count && &keys[0] == k.keys
}

// farthest is how long a token is remembered that says it is good for longer.
const farthest = 24 * time.Hour

// ends is when a token is forgotten.
func ends(c *oidc.Claims) time.Time {
	limit := time.Now().Add(farthest)
	if float64(limit.Unix()) < *c.Expires {
		return limit
	}
	return time.Unix(int64(*c.Expires)+1, 0)
}
