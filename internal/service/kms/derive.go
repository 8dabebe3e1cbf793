package kms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

func (s *Service) deriveSharedSecret(c *door.Call, in *api.DeriveSharedSecretRequest) (*api.DeriveSharedSecretResponse, error) {
	if err := notForEnclaves(in.Recipient); err != nil {
		return nil, err
	}
	k, err := s.usable(c, forAgreement, "DeriveSharedSecret")
	if err != nil {
		return nil, err
	}
	if _, err := k.algorithm(in.KeyAgreementAlgorithm, ""); err != nil {
		return nil, err
	}
	m, err := s.material(c, k, k.current())
	if err != nil {
		return nil, unavailable(k, err)
	}
	if val(in.DryRun) {
		return nil, dryRun()
	}
	secret, err := agree(m.signer, in.PublicKey)
	if err != nil {
		return nil, invalid("The public key is not a key of the spec %s in X.509 SubjectPublicKeyInfo.", k.Spec)
	}
	return &api.DeriveSharedSecretResponse{
		KeyId: ptr(k.arn()), SharedSecret: secret, KeyAgreementAlgorithm: in.KeyAgreementAlgorithm, KeyOrigin: &k.Origin,
	}, nil
}

var errPeer = errors.New("not a public key on this curve")

// agree is ECDH (NIST SP 800-56A, 5.7.1.2): the x-coordinate of the shared
// point. A peer that is not on the key's curve is an error.
func agree(private crypto.Signer, peer []byte) ([]byte, error) {
	own, ok := private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errPeer
	}
	parsed, err := x509.ParsePKIXPublicKey(peer)
	if err != nil {
		return nil, err
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != own.Curve {
		return nil, errPeer
	}
	a, err := own.ECDH()
	if err != nil {
		return nil, err
	}
	b, err := public.ECDH()
	if err != nil {
		return nil, err
	}
	return a.ECDH(b)
}
