package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of PS256 …
	_ "crypto/sha512"
	"errors"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// ErrMalformed is for what is no signed token of a form that is taken.
var ErrMalformed = errors.New("not a signed JWT")

// ErrSignature is for a token that none of its issuer's keys verifies.
var ErrSignature = errors.New("the token's signature is not its issuer's")

// algorithms are those whose signatures count (RFC 7518, section 3.1). What a
// shared secret or nothing at all signs is none of them.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512,
}

// mostSignatures bounds how many keys are tried on one token.
const mostSignatures = 8

// How many bits an RSA key has. A larger one would make every token of strangers
// a long computation.
const (
	weakest = 2048
	largest = 8192
)

// Token is a token whose signature nobody has checked yet.
type Token struct {
	signed *jose.JSONWebSignature
	header jose.Header
	input  string // what is signed
	claims Claims
}

// Parse reads a token in compact form. Its error wraps ErrMalformed.
func Parse(text string) (*Token, error) {
	t, err := parseSigned(text)
	if err != nil {
		return nil, err
	}
	t.claims, err = readClaims(t.signed.UnsafePayloadWithoutVerification())
	if err != nil {
		return nil, err
	}
	return t, nil
}

// parseSigned reads what is signed, whatever it says.
func parseSigned(text string) (*Token, error) {
	if strings.Count(text, ".") != 2 {
		return nil, ErrMalformed
	}
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, ErrMalformed // the library's error may quote the token
	}
	return &Token{signed: signed, header: signed.Signatures[0].Protected, input: text[:strings.LastIndexByte(text, '.')]}, nil
}

// Issuer is whose token it says it is. Until Verify has agreed it is a stranger's
// word.
func (t *Token) Issuer() string { return t.claims.Issuer }

// Key is the id of the key that the token says it is signed with, maybe "".
func (t *Token) Key() string { return t.header.KeyID }

// Verify gives the claims of a token that one of the keys has signed. Keys of
// another id than the token names, and of a kind that the token's algorithm is
// not for, do not count. Its error is ErrSignature.
func (t *Token) Verify(keys []jose.JSONWebKey) (*Claims, error) {
	tried := 0
	for i := range keys {
		if !t.fits(&keys[i]) {
			continue
		}
		if tried++; tried > mostSignatures {
			break
		}
		// The bare key: of a JSONWebKey the library would look at more than that.
		if _, err := t.signed.Verify(keys[i].Key); err == nil && t.salted(keys[i].Key) {
			claims := t.claims
			return &claims, nil
		}
	}
	return nil, ErrSignature
}

// salted tells whether a verified signature by RSASSA-PSS has a salt as long as
// its hash (RFC 7518, section 3.5), at which the library does not look.
func (t *Token) salted(key any) bool {
	hash, ok := map[string]crypto.Hash{"PS256": crypto.SHA256, "PS384": crypto.SHA384, "PS512": crypto.SHA512}[t.header.Algorithm]
	if !ok {
		return true
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return false
	}
	digest := hash.New()
	digest.Write([]byte(t.input))
	return rsa.VerifyPSS(public, hash, digest.Sum(nil), t.signed.Signatures[0].Signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
}

// fits tells whether a key could have signed the token.
func (t *Token) fits(k *jose.JSONWebKey) bool {
	if t.header.KeyID != "" && t.header.KeyID != k.KeyID || k.Algorithm != "" && k.Algorithm != t.header.Algorithm {
		return false
	}
	return slices.Contains(signs(k.Key), jose.SignatureAlgorithm(t.header.Algorithm))
}

// signs lists the algorithms that a key is for (RFC 7518, sections 3.3 to 3.5).
func signs(key any) []jose.SignatureAlgorithm {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits >= weakest && bits <= largest {
			return algorithms[:6]
		}
	case *ecdsa.PublicKey:
		switch key.Params().BitSize {
		case 256:
			return algorithms[6:7]
		case 384:
			return algorithms[7:8]
		case 521:
			return algorithms[8:9]
		}
	}
	return nil
}
