package kms

import (
	"crypto/hmac"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

// mac computes the MAC of a message under the key that was found.
func (s *Service) mac(c *door.Call, doing string, given *string, message []byte, dry *bool) (*key, []byte, error) {
	k, err := s.usable(c, forMACs, doing)
	if err != nil {
		return nil, nil, err
	}
	algorithm, err := k.algorithm(given, "")
	if err != nil {
		return nil, nil, err
	}
	if val(dry) {
		return nil, nil, dryRun()
	}
	m, err := s.material(c, k, k.current())
	if err != nil {
		return nil, nil, unavailable(k, err)
	}
	return k, macOf(algorithm, m.mac, message), nil
}

func macOf(algorithm string, key, message []byte) []byte {
	h := hmac.New(macHash(algorithm).New, key)
	h.Write(message)
	return h.Sum(nil)
}

func (s *Service) generateMAC(c *door.Call, in *api.GenerateMacRequest) (*api.GenerateMacResponse, error) {
	k, mac, err := s.mac(c, "GenerateMac", in.MacAlgorithm, in.Message, in.DryRun)
	if err != nil {
		return nil, err
	}
	return &api.GenerateMacResponse{Mac: mac, MacAlgorithm: in.MacAlgorithm, KeyId: ptr(k.arn())}, nil
}

func (s *Service) verifyMAC(c *door.Call, in *api.VerifyMacRequest) (*api.VerifyMacResponse, error) {
	k, mac, err := s.mac(c, "VerifyMac", in.MacAlgorithm, in.Message, in.DryRun)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(mac, in.Mac) {
		return nil, fail("KMSInvalidMacException", "")
	}
	return &api.VerifyMacResponse{KeyId: ptr(k.arn()), MacValid: ptr(true), MacAlgorithm: in.MacAlgorithm}, nil
}
