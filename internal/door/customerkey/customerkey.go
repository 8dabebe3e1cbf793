// Package customerkey encrypts what a service keeps for a customer under a key
// of the customer's: an envelope, whose data key the Key Management Service
// made and alone can open. The calls go through the door as whoever the service
// acts for, so that the key's policy decides who reads, and a key that is
// disabled or gone takes with it what lies under it.
package customerkey

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

// Sealed is a text under a customer's key.
type Sealed struct {
	Key     string // ARN of the key
	DataKey []byte // a ciphertext of the Key Management Service
	Text    []byte // AES-256-GCM under the data key, which encrypts nothing else
}

// Context is the encryption context that a text is sealed with, and opens with.
type Context map[string]string

// Seal encrypts text under a data key that as is given (kms:GenerateDataKey).
// key is a key's id, ARN or alias. The error is that of the call.
func Seal(ctx context.Context, d *door.Door, as *door.Principal, key string, with Context, text []byte) (*Sealed, error) {
	spec := "AES_256"
	out, err := door.Do(ctx, d, as, api.OpGenerateDataKey, &api.GenerateDataKeyRequest{KeyId: &key, KeySpec: &spec, EncryptionContext: with})
	if err != nil {
		return nil, err
	}
	defer clear(out.Plaintext)
	aead, err := newAEAD(out.Plaintext)
	if err != nil {
		return nil, err
	}
	return &Sealed{Key: *out.KeyId, DataKey: out.CiphertextBlob, Text: aead.Seal(nil, nonce(aead), text, nil)}, nil
}

// ErrDamaged is what a text gives that is not what Seal made.
var ErrDamaged = errors.New("what is under the customer's key does not open: it was changed")

// Open is the inverse of Seal, if as may have it (kms:Decrypt). The error is
// that of the call, or ErrDamaged.
func Open(ctx context.Context, d *door.Door, as *door.Principal, with Context, s *Sealed) ([]byte, error) {
	out, err := door.Do(ctx, d, as, api.OpDecrypt, &api.DecryptRequest{KeyId: &s.Key, CiphertextBlob: s.DataKey, EncryptionContext: with})
	if err != nil {
		return nil, err
	}
	defer clear(out.Plaintext)
	aead, err := newAEAD(out.Plaintext)
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(nil, nonce(aead), s.Text, nil)
	if err != nil {
		return nil, ErrDamaged
	}
	return text, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, ErrDamaged
	}
	return cipher.NewGCM(block)
}

// nonce is zero: a data key encrypts one text only.
func nonce(aead cipher.AEAD) []byte { return make([]byte, aead.NonceSize()) }
