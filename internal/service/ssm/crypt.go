package ssm

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"net/http"

	"cloister/internal/awsapi"
	kms "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

// managedKey is the key of SecureStrings that name none.
const managedKey = "alias/aws/ssm"

// seal puts a value under its key for the caller: a standard one by KMS itself,
// an advanced one under a data key, as AWS does
// (https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html).
func (s *Service) seal(c *door.Call, arn string, v *version, text string) error {
	context := map[string]string{"PARAMETER_ARN": arn}
	if v.Tier != advanced {
		out, err := door.Do(c, s.door, c.Principal, kms.OpEncrypt, &kms.EncryptRequest{KeyId: &v.KeyID, Plaintext: []byte(text), EncryptionContext: context})
		if err != nil {
			return kmsError(err)
		}
		v.Sealed = out.CiphertextBlob
		return nil
	}
	key, err := door.Do(c, s.door, c.Principal, kms.OpGenerateDataKey, &kms.GenerateDataKeyRequest{KeyId: &v.KeyID, KeySpec: ptr("AES_256"), EncryptionContext: context})
	if err != nil {
		return kmsError(err)
	}
	defer clear(key.Plaintext)
	aead, err := newAEAD(key.Plaintext)
	if err != nil {
		return err
	}
	v.Envelope, v.Sealed = key.CiphertextBlob, aead.Seal(nil, nil, []byte(text), []byte(arn))
	return nil
}

// open gives a SecureString's value, if KMS opens it for the caller.
func (s *Service) open(c *door.Call, arn string, v *version) (string, error) {
	blob := v.Sealed
	if v.Envelope != nil {
		blob = v.Envelope
	}
	out, err := door.Do(c, s.door, c.Principal, kms.OpDecrypt, &kms.DecryptRequest{CiphertextBlob: blob, EncryptionContext: map[string]string{"PARAMETER_ARN": arn}})
	if err != nil {
		return "", kmsError(err)
	}
	if v.Envelope == nil {
		return string(out.Plaintext), nil
	}
	defer clear(out.Plaintext)
	aead, err := newAEAD(out.Plaintext)
	if err != nil {
		return "", err
	}
	text, err := aead.Open(nil, nil, v.Sealed, []byte(arn))
	return string(text), err
}

// closed is what callers see of a SecureString that they did not have opened.
func (v *version) closed() string { return base64.StdEncoding.EncodeToString(v.Sealed) }

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// kmsError is what callers are told of what KMS refused.
func kmsError(err error) error {
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Status >= http.StatusInternalServerError {
		return err
	}
	if e.Code == "AccessDenied" || e.Code == "AccessDeniedException" {
		return denied("The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
	}
	wrapped := awsapi.Errorf("InvalidKeyId", "%s (Service: AWSKMS; Error Code: %s)", e.Message, e.Code)
	wrapped.Cause = err
	return wrapped
}
