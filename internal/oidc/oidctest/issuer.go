// Package oidctest is a foreign OpenID Connect issuer for tests: it signs what it
// is told to, rotates its keys, and serves its documents from memory or by HTTPS.
package oidctest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cloister/internal/dial"
)

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/keys"
)

// Issuer is an issuer with one key for each algorithm that it signs with. It is
// safe for concurrent use.
type Issuer struct {
	URL string

	mu        sync.Mutex
	keys      []signer
	rotations int
	documents map[string]func() ([]byte, error) // instead of its own
	asked     int
	t         testing.TB
}

type signer struct {
	algorithm jose.SignatureAlgorithm
	id        string
	key       crypto.Signer
}

// New makes an issuer that serves from memory.
func New(t testing.TB, url string) *Issuer {
	t.Helper()
	i := &Issuer{URL: url, t: t, documents: map[string]func() ([]byte, error){}}
	i.Rotate()
	return i
}

// rsaKey is made once: it takes longer than a test should.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// Rotate gives the issuer other keys, with other ids. The RSA key stays the same
// under its new ids.
func (i *Issuer) Rotate() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rotations++
	i.keys = nil
	for _, a := range []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		i.add(a, rsaKey())
	}
	for a, curve := range map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			i.t.Fatal(err)
		}
		i.add(a, key)
	}
}

func (i *Issuer) add(a jose.SignatureAlgorithm, key crypto.Signer) {
	i.keys = append(i.keys, signer{a, fmt.Sprintf("%s-%d", a, i.rotations), key})
}

// KeyOf is the id of the issuer's present key for an algorithm.
func (i *Issuer) KeyOf(a jose.SignatureAlgorithm) string { return i.signer(a).id }

// Key is the issuer's present key for an algorithm.
func (i *Issuer) Key(a jose.SignatureAlgorithm) crypto.Signer { return i.signer(a).key }

func (i *Issuer) signer(a jose.SignatureAlgorithm) signer {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, s := range i.keys {
		if s.algorithm == a {
			return s
		}
	}
	i.t.Fatalf("no key for %s", a)
	return signer{}
}

// Claims are those of a good token, with others laid over them; nil removes one.
func (i *Issuer) Claims(others map[string]any) map[string]any {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": i.URL, "sub": "repo:octo/app:ref:refs/heads/main", "aud": "sts.amazonaws.com", "iat": now, "exp": now + 600,
	}
	maps.Copy(claims, others)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// Token is a good token with other claims laid over its own.
func (i *Issuer) Token(others map[string]any) string {
	return i.Sign(jose.ES256, i.Claims(others), nil)
}

// Sign signs claims (or, given as []byte, any payload) by an algorithm, with
// more members of the header.
func (i *Issuer) Sign(a jose.SignatureAlgorithm, claims any, header map[jose.HeaderKey]any) string {
	i.t.Helper()
	s := i.signer(a)
	options := (&jose.SignerOptions{}).WithHeader("kid", s.id)
	for name, value := range header {
		options = options.WithHeader(name, value)
	}
	with, err := jose.NewSigner(jose.SigningKey{Algorithm: a, Key: s.key}, options)
	if err != nil {
		i.t.Fatal(err)
	}
	payload, ok := claims.([]byte)
	if !ok {
		if payload, err = json.Marshal(claims); err != nil {
			i.t.Fatal(err)
		}
	}
	signed, err := with.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

// Answer has the issuer give something else for a document: "discovery" or
// "keys". nil gives its own again.
func (i *Issuer) Answer(document string, with func() ([]byte, error)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.documents[map[string]string{"discovery": discoveryPath, "keys": keysPath}[document]] = with
}

// Asked is how often a document was asked for.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// Fetch is an oidc.Fetcher that knows this issuer only.
func (i *Issuer) Fetch(_ context.Context, url string, _ dial.Trust, most int64) ([]byte, error) {
	path, ok := strings.CutPrefix(url, strings.TrimSuffix(i.URL, "/"))
	if !ok {
		return nil, fmt.Errorf("nobody is at %s", url)
	}
	text, err := i.document(path)
	if err == nil && int64(len(text)) > most {
		return nil, dial.ErrTooLarge
	}
	return text, err
}

func (i *Issuer) document(path string) ([]byte, error) {
	i.mu.Lock()
	i.asked++
	instead := i.documents[path]
	i.mu.Unlock()
	switch {
	case instead != nil:
		return instead()
	case path == discoveryPath:
		return json.Marshal(map[string]any{
			"issuer": i.URL, "jwks_uri": strings.TrimSuffix(i.URL, "/") + keysPath, "authorization_endpoint": i.URL + "/auth",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"ES256", "RS256"},
		})
	case path == keysPath:
		return json.Marshal(i.KeySet())
	}
	return nil, &dial.StatusError{Code: http.StatusNotFound}
}

// KeySet is the issuer's public keys.
func (i *Issuer) KeySet() jose.JSONWebKeySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, s := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: s.key.Public(), KeyID: s.id, Algorithm: string(s.algorithm), Use: "sig"})
	}
	return set
}

// Serve makes an issuer that serves by HTTPS on loopback. It returns the
// thumbprint of its certificate, for which no authority vouches.
func Serve(t testing.TB) (i *Issuer, thumbprint string) {
	t.Helper()
	i = New(t, "")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := i.document(r.URL.Path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = w.Write(text)
	}))
	t.Cleanup(server.Close)
	i.URL = server.URL
	sum := sha1.Sum(server.Certificate().Raw)
	return i, hex.EncodeToString(sum[:])
}
