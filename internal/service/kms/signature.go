package kms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512"
	"strings"
)

// Messages are given whole or as their digests.
const (
	rawMessage    = "RAW"
	digestMessage = "DIGEST"
)

// signing says how an algorithm signs. Edwards curves hash the message
// themselves (RFC 8032): pure ones take nothing but the whole, and prehashed
// ones nothing but the digest, as AWS has it.
type signing struct {
	hash crypto.Hash
	opts crypto.SignerOpts
	pure bool
	only string // "" where both kinds of messages are taken
}

var signings = map[string]signing{
	"RSASSA_PKCS1_V1_5_SHA_256": {hash: crypto.SHA256, opts: crypto.SHA256},
	"RSASSA_PKCS1_V1_5_SHA_384": {hash: crypto.SHA384, opts: crypto.SHA384},
	"RSASSA_PKCS1_V1_5_SHA_512": {hash: crypto.SHA512, opts: crypto.SHA512},
	"RSASSA_PSS_SHA_256":        {hash: crypto.SHA256, opts: pss(crypto.SHA256)},
	"RSASSA_PSS_SHA_384":        {hash: crypto.SHA384, opts: pss(crypto.SHA384)},
	"RSASSA_PSS_SHA_512":        {hash: crypto.SHA512, opts: pss(crypto.SHA512)},
	"ECDSA_SHA_256":             {hash: crypto.SHA256, opts: crypto.SHA256},
	"ECDSA_SHA_384":             {hash: crypto.SHA384, opts: crypto.SHA384},
	"ECDSA_SHA_512":             {hash: crypto.SHA512, opts: crypto.SHA512},
	"ED25519_SHA_512":           {opts: crypto.Hash(0), pure: true, only: rawMessage},
	"ED25519_PH_SHA_512":        {hash: crypto.SHA512, opts: &ed25519.Options{Hash: crypto.SHA512}, only: digestMessage},
}

// pss has a salt as long as the digest (RFC 8017, section 9.1).
func pss(hash crypto.Hash) *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
}

// input is what is signed for a message: its digest, or itself.
func (g *signing) input(algorithm, kind string, message []byte) ([]byte, error) {
	if g.only != "" && g.only != kind {
		return nil, invalid("The algorithm %s takes messages of the type %s only.", algorithm, g.only)
	}
	switch {
	case g.pure:
		return message, nil
	case kind == digestMessage:
		if len(message) != g.hash.Size() {
			return nil, invalid("Digest is invalid length for algorithm %s.", algorithm)
		}
		return message, nil
	}
	h := g.hash.New()
	h.Write(message)
	return h.Sum(nil), nil
}

func (g *signing) sign(key crypto.Signer, input []byte) ([]byte, error) {
	return key.Sign(rand.Reader, input, g.opts)
}

func (g *signing) verify(key crypto.PublicKey, input, signature []byte) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if o, ok := g.opts.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(k, g.hash, input, signature, o) == nil
		}
		return rsa.VerifyPKCS1v15(k, g.hash, input, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, input, signature)
	case ed25519.PublicKey:
		return ed25519.VerifyWithOptions(k, input, signature, &ed25519.Options{Hash: g.opts.HashFunc()}) == nil
	case *koblitzPublic:
		return k.verify(input, signature)
	}
	return false
}

// macHash is the hash of a MAC algorithm.
func macHash(algorithm string) crypto.Hash {
	switch strings.TrimPrefix(algorithm, "HMAC_SHA_") {
	case "224":
		return crypto.SHA224
	case "256":
		return crypto.SHA256
	case "384":
		return crypto.SHA384
	}
	return crypto.SHA512
}
