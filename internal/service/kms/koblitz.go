package kms

import (
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// koblitzKey is a private key on secp256k1, which Go's library does not have.
// It implements crypto.Signer for SHA-256 digests.
type koblitzKey struct{ key *secp256k1.PrivateKey }

type koblitzPublic struct{ key *secp256k1.PublicKey }

func generateKoblitz() (*koblitzKey, error) {
	key, err := secp256k1.GeneratePrivateKey()
	return &koblitzKey{key}, err
}

// Public implements crypto.Signer.
func (k *koblitzKey) Public() crypto.PublicKey { return &koblitzPublic{k.key.PubKey()} }

// Sign implements crypto.Signer: deterministic (RFC 6979), in DER.
func (k *koblitzKey) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	if len(digest) != 32 {
		return nil, errors.New("secp256k1 signs digests of 32 bytes")
	}
	return ecdsa.Sign(k.key, digest).Serialize(), nil
}

func (p *koblitzPublic) verify(digest, signature []byte) bool {
	parsed, err := ecdsa.ParseDERSignature(signature)
	return err == nil && len(digest) == 32 && parsed.Verify(digest, p.key)
}

// The encodings of RFC 5480 and RFC 5915, for the curve of SEC 2.

var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidKoblitz     = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
)

type publicKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

type privateKeyInfo struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
}

type ecPrivateKey struct {
	Version    int
	PrivateKey []byte
	Parameters asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

func koblitzAlgorithm() (pkix.AlgorithmIdentifier, error) {
	curve, err := asn1.Marshal(oidKoblitz)
	return pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey, Parameters: asn1.RawValue{FullBytes: curve}}, err
}

func isKoblitz(a pkix.AlgorithmIdentifier) bool {
	var curve asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(a.Parameters.FullBytes, &curve)
	return err == nil && len(rest) == 0 && a.Algorithm.Equal(oidECPublicKey) && curve.Equal(oidKoblitz)
}

func (p *koblitzPublic) marshal() ([]byte, error) {
	algorithm, err := koblitzAlgorithm()
	if err != nil {
		return nil, err
	}
	point := p.key.SerializeUncompressed()
	return asn1.Marshal(publicKeyInfo{algorithm, asn1.BitString{Bytes: point, BitLength: 8 * len(point)}})
}

func (k *koblitzKey) marshal() ([]byte, error) {
	algorithm, err := koblitzAlgorithm()
	if err != nil {
		return nil, err
	}
	point := k.key.PubKey().SerializeUncompressed()
	inner, err := asn1.Marshal(ecPrivateKey{
		Version: 1, PrivateKey: k.key.Serialize(), PublicKey: asn1.BitString{Bytes: point, BitLength: 8 * len(point)},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(privateKeyInfo{Algorithm: algorithm, PrivateKey: inner})
}

func parseKoblitz(der []byte) (*koblitzKey, error) {
	var outer privateKeyInfo
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 || !isKoblitz(outer.Algorithm) {
		return nil, errMaterial
	}
	var inner ecPrivateKey
	if rest, err := asn1.Unmarshal(outer.PrivateKey, &inner); err != nil || len(rest) > 0 || len(inner.PrivateKey) != 32 {
		return nil, errMaterial
	}
	var scalar secp256k1.ModNScalar
	if overflow := scalar.SetByteSlice(inner.PrivateKey); overflow || scalar.IsZero() {
		return nil, errMaterial
	}
	return &koblitzKey{secp256k1.NewPrivateKey(&scalar)}, nil
}
