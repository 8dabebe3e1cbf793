package kms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"cloister/internal/seal"
)

// material is key material in the form in which it is used: one of the fields.
// It is immutable and safe for concurrent use.
type material struct {
	aead   *seal.AEAD
	mac    []byte
	signer crypto.Signer // *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey, *koblitzKey
}

var errMaterial = errors.New("not key material of this spec")

// macSizes are the lengths in bytes of generated HMAC keys, and the least and
// most that are imported
// (https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-conceptual.html).
var macSizes = map[string]struct{ made, least, most int }{
	"HMAC_224": {28, 28, 64},
	"HMAC_256": {32, 32, 64},
	"HMAC_384": {48, 48, 128},
	"HMAC_512": {64, 64, 128},
}

var curves = map[string]elliptic.Curve{
	"ECC_NIST_P256": elliptic.P256(), "ECC_NIST_P384": elliptic.P384(), "ECC_NIST_P521": elliptic.P521(),
}

var rsaBits = map[string]int{"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}

// generate makes new material of a spec: bytes for secret keys, PKCS #8 (RFC
// 5208) for private ones.
func generate(spec string) ([]byte, error) {
	switch {
	case spec == symmetric:
		return randomBytes(seal.AEADKeySize), nil
	case macSizes[spec].made > 0:
		return randomBytes(macSizes[spec].made), nil
	}
	key, err := generatePrivate(spec)
	if err != nil {
		return nil, err
	}
	return marshalPrivate(key)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func generatePrivate(spec string) (crypto.Signer, error) {
	switch {
	case rsaBits[spec] > 0:
		return rsa.GenerateKey(rand.Reader, rsaBits[spec])
	case curves[spec] != nil:
		return ecdsa.GenerateKey(curves[spec], rand.Reader)
	case spec == "ECC_NIST_EDWARDS25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case spec == "ECC_SECG_P256K1":
		return generateKoblitz()
	}
	return nil, fmt.Errorf("%s: %w", spec, errMaterial)
}

func marshalPrivate(key crypto.Signer) ([]byte, error) {
	if k, ok := key.(*koblitzKey); ok {
		return k.marshal()
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

// marshalPublic gives a SubjectPublicKeyInfo (RFC 5280).
func marshalPublic(key crypto.PublicKey) ([]byte, error) {
	if k, ok := key.(*koblitzPublic); ok {
		return k.marshal()
	}
	return x509.MarshalPKIXPublicKey(key)
}

// parseMaterial reads what generate made, or what somebody imports.
func parseMaterial(spec string, raw []byte) (*material, error) {
	if spec == symmetric {
		if len(raw) != seal.AEADKeySize {
			return nil, errMaterial
		}
		return &material{aead: seal.NewAEAD(raw)}, nil
	}
	if size := macSizes[spec]; size.made > 0 {
		if len(raw) < size.least || len(raw) > size.most {
			return nil, errMaterial
		}
		return &material{mac: append([]byte(nil), raw...)}, nil
	}
	signer, err := parsePrivate(spec, raw)
	return &material{signer: signer}, err
}

func parsePrivate(spec string, der []byte) (crypto.Signer, error) {
	if spec == "ECC_SECG_P256K1" {
		return parseKoblitz(der)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errMaterial
	}
	if signer, ok := key.(crypto.Signer); ok && specOf(signer.Public()) == spec {
		return signer, nil
	}
	return nil, errMaterial
}

// specOf is the spec that a public key is of, "" if of none.
func specOf(key crypto.PublicKey) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		for spec, bits := range rsaBits {
			if k.N.BitLen() == bits && k.E == 65537 {
				return spec
			}
		}
	case *ecdsa.PublicKey:
		return "ECC_NIST_" + strings.ReplaceAll(k.Curve.Params().Name, "-", "")
	case ed25519.PublicKey:
		return "ECC_NIST_EDWARDS25519"
	}
	return ""
}
