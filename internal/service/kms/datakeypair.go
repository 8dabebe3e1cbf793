package kms

import (
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

// keyPair is a data key pair with its private half in the clear and encrypted.
type keyPair struct {
	key                    *key
	public, private, under []byte
}

func (s *Service) keyPair(c *door.Call, spec string, context map[string]string, dry *bool) (*keyPair, error) {
	k, err := s.usable(c, forEncryption, "GenerateDataKeyPair")
	if err != nil {
		return nil, err
	}
	if _, err := k.algorithm(nil, symmetric); err != nil {
		return nil, err
	}
	if _, ok := specs[spec]; !ok {
		return nil, unsupported("This node does not offer key pairs of the spec %s.", spec)
	}
	if val(dry) {
		return nil, dryRun()
	}
	private, err := generatePrivate(spec)
	if err != nil {
		return nil, err
	}
	p := &keyPair{key: k}
	if p.public, err = marshalPublic(private.Public()); err != nil {
		return nil, err
	}
	if p.private, err = marshalPrivate(private); err != nil {
		return nil, err
	}
	p.under, err = s.encrypt(c, k, p.private, context)
	return p, err
}

func (s *Service) generateDataKeyPair(c *door.Call, in *api.GenerateDataKeyPairRequest) (*api.GenerateDataKeyPairResponse, error) {
	if err := notForEnclaves(in.Recipient); err != nil {
		return nil, err
	}
	p, err := s.keyPair(c, *in.KeyPairSpec, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	return &api.GenerateDataKeyPairResponse{
		PrivateKeyCiphertextBlob: p.under, PrivateKeyPlaintext: p.private, PublicKey: p.public,
		KeyId: ptr(p.key.arn()), KeyPairSpec: in.KeyPairSpec, KeyMaterialId: ptr(p.key.current()),
	}, nil
}

func (s *Service) generateDataKeyPairWithoutPlaintext(c *door.Call, in *api.GenerateDataKeyPairWithoutPlaintextRequest) (*api.GenerateDataKeyPairWithoutPlaintextResponse, error) {
	p, err := s.keyPair(c, *in.KeyPairSpec, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	clear(p.private)
	return &api.GenerateDataKeyPairWithoutPlaintextResponse{
		PrivateKeyCiphertextBlob: p.under, PublicKey: p.public,
		KeyId: ptr(p.key.arn()), KeyPairSpec: in.KeyPairSpec, KeyMaterialId: ptr(p.key.current()),
	}, nil
}
