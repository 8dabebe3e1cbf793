package kms

import (
	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

// dataKeySize is how many bytes of data key a request asks for.
func dataKeySize(spec *string, bytes *int64) (int, error) {
	switch {
	case (spec == nil) == (bytes == nil):
		return 0, invalid("Please specify either number of bytes or key spec.")
	case bytes != nil:
		return int(*bytes), nil
	case *spec == "AES_128":
		return 16, nil
	}
	return 32, nil
}

// dataKey makes a data key and its ciphertext.
func (s *Service) dataKey(c *door.Call, spec *string, bytes *int64, context map[string]string, dry *bool) (k *key, plaintext, blob []byte, err error) {
	if k, err = s.usable(c, forEncryption, "GenerateDataKey"); err != nil {
		return nil, nil, nil, err
	}
	if _, err := k.algorithm(nil, symmetric); err != nil {
		return nil, nil, nil, err
	}
	size, err := dataKeySize(spec, bytes)
	if err != nil {
		return nil, nil, nil, err
	}
	if val(dry) {
		return nil, nil, nil, dryRun()
	}
	plaintext = randomBytes(size)
	blob, err = s.encrypt(c, k, plaintext, context)
	return k, plaintext, blob, err
}

func (s *Service) generateDataKey(c *door.Call, in *api.GenerateDataKeyRequest) (*api.GenerateDataKeyResponse, error) {
	if err := notForEnclaves(in.Recipient); err != nil {
		return nil, err
	}
	k, plaintext, blob, err := s.dataKey(c, in.KeySpec, in.NumberOfBytes, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	c.Confide(plaintext)
	return &api.GenerateDataKeyResponse{CiphertextBlob: blob, Plaintext: plaintext, KeyId: ptr(k.arn()), KeyMaterialId: ptr(k.current())}, nil
}

func (s *Service) generateDataKeyWithoutPlaintext(c *door.Call, in *api.GenerateDataKeyWithoutPlaintextRequest) (*api.GenerateDataKeyWithoutPlaintextResponse, error) {
	k, plaintext, blob, err := s.dataKey(c, in.KeySpec, in.NumberOfBytes, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	clear(plaintext)
	return &api.GenerateDataKeyWithoutPlaintextResponse{CiphertextBlob: blob, KeyId: ptr(k.arn()), KeyMaterialId: ptr(k.current())}, nil
}
