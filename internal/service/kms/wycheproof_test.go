package kms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Project Wycheproof's vectors, for what a caller of KMS reaches: an answer
// where the vector is valid, a refusal where it is not.

type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	var err error
	*h, err = hex.DecodeString(s)
	return err
}

type vectorGroup struct {
	KeySize, TagSize int
	PublicKeyDer     hexBytes
	PrivateKeyPkcs8  hexBytes
	Tests            []vector
}

type vector struct {
	TcID                          int
	Comment, Result               string
	Key, Msg, Ct, Tag, Sig, Label hexBytes
	Public, Private, Shared       hexBytes
}

// eachVector runs a file's vectors. check says whether what is offered was taken,
// and whether the vector is of a kind that KMS has.
func eachVector(t *testing.T, file string, check func(t *testing.T, g *vectorGroup, v *vector) (taken, applies bool)) {
	t.Run(file, func(t *testing.T) {
		text, err := fs.ReadFile(wycheproof.TestVectors, file+"_test.json")
		if err != nil {
			t.Fatal(err)
		}
		var doc struct{ TestGroups []vectorGroup }
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		valid, invalid := 0, 0
		for i := range doc.TestGroups {
			g := &doc.TestGroups[i]
			for j := range g.Tests {
				v := &g.Tests[j]
				taken, applies := check(t, g, v)
				switch {
				case !applies || v.Result == "acceptable":
				case taken != (v.Result == "valid"):
					t.Errorf("%d (%s): %s and taken: %v", v.TcID, v.Comment, v.Result, taken)
				case taken:
					valid++
				default:
					invalid++
				}
			}
		}
		if valid == 0 || invalid == 0 {
			t.Errorf("%d valid and %d invalid vectors: that tests nothing", valid, invalid)
		}
	})
}

func checkSignature(algorithm string, public func(der []byte) (crypto.PublicKey, error)) func(*testing.T, *vectorGroup, *vector) (bool, bool) {
	return func(t *testing.T, g *vectorGroup, v *vector) (bool, bool) {
		key, err := public(g.PublicKeyDer)
		if err != nil {
			t.Fatal(err)
		}
		how := signings[algorithm]
		input, err := how.input(algorithm, rawMessage, v.Msg)
		if err != nil {
			t.Fatal(err)
		}
		return how.verify(key, input, v.Sig), true
	}
}

func parseKoblitzPublic(der []byte) (crypto.PublicKey, error) {
	var info publicKeyInfo
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	key, err := secp256k1.ParsePubKey(info.Key.Bytes)
	return &koblitzPublic{key}, err
}

func TestWycheproofSignatures(t *testing.T) {
	parse := func(der []byte) (crypto.PublicKey, error) { return x509.ParsePKIXPublicKey(der) }
	for file, algorithm := range map[string]string{
		"ecdsa_secp256r1_sha256": "ECDSA_SHA_256", "ecdsa_secp384r1_sha384": "ECDSA_SHA_384", "ecdsa_secp521r1_sha512": "ECDSA_SHA_512",
		"ed25519":                   "ED25519_SHA_512",
		"rsa_signature_2048_sha256": "RSASSA_PKCS1_V1_5_SHA_256", "rsa_signature_2048_sha384": "RSASSA_PKCS1_V1_5_SHA_384", "rsa_signature_2048_sha512": "RSASSA_PKCS1_V1_5_SHA_512",
		"rsa_signature_3072_sha256": "RSASSA_PKCS1_V1_5_SHA_256", "rsa_signature_3072_sha384": "RSASSA_PKCS1_V1_5_SHA_384", "rsa_signature_3072_sha512": "RSASSA_PKCS1_V1_5_SHA_512",
		"rsa_signature_4096_sha256": "RSASSA_PKCS1_V1_5_SHA_256", "rsa_signature_4096_sha384": "RSASSA_PKCS1_V1_5_SHA_384", "rsa_signature_4096_sha512": "RSASSA_PKCS1_V1_5_SHA_512",
		"rsa_pss_2048_sha256_mgf1_32": "RSASSA_PSS_SHA_256", "rsa_pss_3072_sha256_mgf1_32": "RSASSA_PSS_SHA_256", "rsa_pss_4096_sha256_mgf1_32": "RSASSA_PSS_SHA_256",
		"rsa_pss_2048_sha384_mgf1_48": "RSASSA_PSS_SHA_384", "rsa_pss_4096_sha384_mgf1_48": "RSASSA_PSS_SHA_384", "rsa_pss_4096_sha512_mgf1_64": "RSASSA_PSS_SHA_512",
	} {
		eachVector(t, file, checkSignature(algorithm, parse))
	}
	eachVector(t, "ecdsa_secp256k1_sha256", checkSignature("ECDSA_SHA_256", parseKoblitzPublic))
}

// KMS has no labels: a ciphertext with one is invalid to it.
func TestWycheproofOAEP(t *testing.T) {
	for file, algorithm := range map[string]string{
		"rsa_oaep_2048_sha1_mgf1sha1": "RSAES_OAEP_SHA_1", "rsa_oaep_2048_sha256_mgf1sha256": "RSAES_OAEP_SHA_256",
		"rsa_oaep_3072_sha256_mgf1sha256": "RSAES_OAEP_SHA_256", "rsa_oaep_4096_sha256_mgf1sha256": "RSAES_OAEP_SHA_256",
	} {
		eachVector(t, file, func(t *testing.T, g *vectorGroup, v *vector) (bool, bool) {
			key, err := x509.ParsePKCS8PrivateKey(g.PrivateKeyPkcs8)
			if err != nil {
				t.Fatal(err)
			}
			got, err := openOAEP(key.(*rsa.PrivateKey), algorithm, v.Ct)
			return err == nil && bytes.Equal(got, v.Msg), len(v.Label) == 0
		})
	}
}

func TestWycheproofECDH(t *testing.T) {
	for file, spec := range map[string]string{
		"ecdh_secp256r1": "ECC_NIST_P256", "ecdh_secp384r1": "ECC_NIST_P384", "ecdh_secp521r1": "ECC_NIST_P521",
	} {
		eachVector(t, file, func(t *testing.T, g *vectorGroup, v *vector) (bool, bool) {
			curve := curves[spec]
			size := (curve.Params().BitSize + 7) / 8
			scalar := bytes.TrimLeft(v.Private, "\x00")
			key, err := ecdsa.ParseRawPrivateKey(curve, append(make([]byte, size-len(scalar)), scalar...))
			if err != nil {
				t.Fatal(err)
			}
			got, err := agree(key, v.Public)
			return err == nil && bytes.Equal(got, v.Shared), true
		})
	}
}

func TestWycheproofHMAC(t *testing.T) {
	for file, algorithm := range map[string]string{
		"hmac_sha224": "HMAC_SHA_224", "hmac_sha256": "HMAC_SHA_256", "hmac_sha384": "HMAC_SHA_384", "hmac_sha512": "HMAC_SHA_512",
	} {
		eachVector(t, file, func(t *testing.T, g *vectorGroup, v *vector) (bool, bool) {
			return bytes.Equal(macOf(algorithm, v.Key, v.Msg), v.Tag), g.TagSize == 8*macHash(algorithm).Size()
		})
	}
}

// No key that is imported is shorter than 16 bytes, and the library takes none.
func TestWycheproofKeyWrap(t *testing.T) {
	eachVector(t, "aes_kwp", func(t *testing.T, g *vectorGroup, v *vector) (bool, bool) {
		got, err := unwrapAES(v.Key, v.Ct)
		return err == nil && bytes.Equal(got, v.Msg), g.KeySize == 256 && (v.Result != "valid" || len(v.Msg) >= 16)
	})
}
