package secretsmanager

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"net/http"

	"cloister/internal/awsapi"
	kms "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

// managedKey is the key of secrets that name none.
const managedKey = "alias/aws/secretsmanager"

// content is a value in clear, on its way between caller and store.
type content struct {
	bytes  []byte
	binary bool
}

func (s *secret) encryptionContext(version string) map[string]string {
	return map[string]string{"SecretARN": s.arn(), "SecretVersionId": version}
}

// keyOf is what KMS is told of a secret's key.
func keyOf(keyID string) string {
	if keyID == "" {
		return managedKey
	}
	return keyID
}

// seal puts a value under a new data key, which KMS makes for the caller.
func (s *Service) seal(c *door.Call, row *secret, version, keyID string, v content) (*value, error) {
	key, err := door.Do(c, s.door, c.Principal, kms.OpGenerateDataKey, &kms.GenerateDataKeyRequest{
		KeyId: ptr(keyOf(keyID)), KeySpec: ptr("AES_256"), EncryptionContext: row.encryptionContext(version),
	})
	if err != nil {
		return nil, encryptionFailure(err)
	}
	defer clear(key.Plaintext)
	aead, err := newAEAD(key.Plaintext)
	if err != nil {
		return nil, err
	}
	return &value{Key: key.CiphertextBlob, Sealed: aead.Seal(nil, nil, v.bytes, []byte(row.arn()+" "+version)), Binary: v.binary}, nil
}

// unwrap gives a value's data key, if KMS opens it for the caller.
func (s *Service) unwrap(c *door.Call, row *secret, version string, wrapped []byte) ([]byte, error) {
	key, err := door.Do(c, s.door, c.Principal, kms.OpDecrypt, &kms.DecryptRequest{
		CiphertextBlob: wrapped, EncryptionContext: row.encryptionContext(version),
	})
	if err != nil {
		return nil, kmsError(err, "DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
	}
	return key.Plaintext, nil
}

// open gives a value, if KMS opens its data key for the caller.
func (s *Service) open(c *door.Call, row *secret, version string, v *value) (content, error) {
	key, err := s.unwrap(c, row, version, v.Key)
	if err != nil {
		return content{}, err
	}
	defer clear(key)
	aead, err := newAEAD(key)
	if err != nil {
		return content{}, err
	}
	text, err := aead.Open(nil, nil, v.Sealed, []byte(row.arn()+" "+version))
	return content{text, v.Binary}, err
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func encryptionFailure(err error) error {
	return kmsError(err, "EncryptionFailure", "Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state.")
}

// kmsError is what callers are told of what KMS refused.
func kmsError(err error, code, message string) error {
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Status >= http.StatusInternalServerError {
		return err
	}
	if e.Code == "AccessDenied" || e.Code == "AccessDeniedException" {
		return awsapi.Errorf("AccessDenied", "Access to KMS is not allowed")
	}
	wrapped := awsapi.Errorf(code, "%s", message)
	wrapped.Cause = err
	return wrapped
}
