package kms

import (
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
	"cloister/policy"
)

func signingUse(action string, key, algorithm, kind *string, tokens []string) use {
	return use{action: action, key: val(key), tokens: tokens, asked: policy.MapContext{
		"kms:signingalgorithm": {val(algorithm)}, "kms:messagetype": {or(kind, rawMessage)},
	}}
}

// signer gives the key that was found, its private half and what is signed.
func (s *Service) signer(c *door.Call, doing string, given, kind *string, message []byte) (*key, *material, *signing, []byte, error) {
	k, err := s.usable(c, forSignatures, doing)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	algorithm, err := k.algorithm(given, "")
	if err != nil {
		return nil, nil, nil, nil, err
	}
	g := signings[algorithm]
	input, err := g.input(algorithm, or(kind, rawMessage), message)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	m, err := s.material(c, k, k.current())
	if err != nil {
		return nil, nil, nil, nil, unavailable(k, err)
	}
	return k, m, &g, input, nil
}

func (s *Service) sign(c *door.Call, in *api.SignRequest) (*api.SignResponse, error) {
	k, m, g, input, err := s.signer(c, "Sign", in.SigningAlgorithm, in.MessageType, in.Message)
	if err != nil {
		return nil, err
	}
	if val(in.DryRun) {
		return nil, dryRun()
	}
	signature, err := g.sign(m.signer, input)
	if err != nil {
		return nil, err
	}
	return &api.SignResponse{KeyId: ptr(k.arn()), Signature: signature, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (s *Service) verify(c *door.Call, in *api.VerifyRequest) (*api.VerifyResponse, error) {
	k, m, g, input, err := s.signer(c, "Verify", in.SigningAlgorithm, in.MessageType, in.Message)
	if err != nil {
		return nil, err
	}
	if val(in.DryRun) {
		return nil, dryRun()
	}
	if !g.verify(m.signer.Public(), input, in.Signature) {
		return nil, fail("KMSInvalidSignatureException", "")
	}
	return &api.VerifyResponse{KeyId: ptr(k.arn()), SignatureValid: ptr(true), SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (s *Service) getPublicKey(c *door.Call, _ *api.GetPublicKeyRequest) (*api.GetPublicKeyResponse, error) {
	k, err := s.usable(c, "", "GetPublicKey")
	if err != nil {
		return nil, err
	}
	if k.Spec == symmetric || k.Usage == forMACs {
		return nil, unsupported("%s has no public key: its key spec is %s.", k.arn(), k.Spec)
	}
	m, err := s.material(c, k, k.current())
	if err != nil {
		return nil, unavailable(k, err)
	}
	public, err := marshalPublic(m.signer.Public())
	if err != nil {
		return nil, err
	}
	d := k.describe()
	return &api.GetPublicKeyResponse{
		KeyId: ptr(k.arn()), PublicKey: public, CustomerMasterKeySpec: &k.Spec, KeySpec: &k.Spec, KeyUsage: &k.Usage,
		EncryptionAlgorithms: d.EncryptionAlgorithms, SigningAlgorithms: d.SigningAlgorithms, KeyAgreementAlgorithms: d.KeyAgreementAlgorithms,
	}, nil
}
