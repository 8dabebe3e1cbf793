// Package customerkey encrypts what a service keeps for a customer under a key
// of the customer's: an envelope, whose data key the Key Management Service
// made and alone can open. The calls go through the door as whoever the service
// acts for, so that the key's policy decides who reads, and a key that is
// disabled or gone takes with it what lies under it.
package customerkey

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"

	api "cloister/internal/awsapi/kms"
	"cloister/internal/door"
)

// Wrapped is a data key under a customer's key.
type Wrapped struct {
	Key        string // ARN of the customer's
	Ciphertext []byte // of the Key Management Service
}

// Sealed is a text under a customer's key: AES-256-GCM under a data key that
// encrypts nothing else.
type Sealed struct {
	Wrapped
	Text []byte
}

// Context is the encryption context that a text is sealed with, and opens with.
type Context map[string]string

// New makes a data key, for AES-256-GCM, that as is given (kms:GenerateDataKey).
// key is a key's id, ARN or alias. The error is that of the call.
func New(ctx context.Context, d *door.Door, as *door.Principal, key string, with Context) (*Wrapped, cipher.AEAD, error) {
	spec := "AES_256"
	out, err := door.Do(ctx, d, as, api.OpGenerateDataKey, &api.GenerateDataKeyRequest{KeyId: &key, KeySpec: &spec, EncryptionContext: with})
	if err != nil {
		return nil, nil, err
	}
	defer clear(out.Plaintext)
	aead, err := newAEAD(out.Plaintext)
	return &Wrapped{*out.KeyId, out.CiphertextBlob}, aead, err
}

// Unwrap opens a data key, if as may have it (kms:Decrypt). The error is that of
// the call.
func Unwrap(ctx context.Context, d *door.Door, as *door.Principal, with Context, w *Wrapped) (cipher.AEAD, error) {
	out, err := door.Do(ctx, d, as, api.OpDecrypt, &api.DecryptRequest{KeyId: &w.Key, CiphertextBlob: w.Ciphertext, EncryptionContext: with})
	if err != nil {
		return nil, err
	}
	defer clear(out.Plaintext)
	return newAEAD(out.Plaintext)
}

// Seal encrypts text under a data key of its own, as New makes it.
func Seal(ctx context.Context, d *door.Door, as *door.Principal, key string, with Context, text []byte) (*Sealed, error) {
	wrapped, aead, err := New(ctx, d, as, key, with)
	if err != nil {
		return nil, err
	}
	return &Sealed{*wrapped, aead.Seal(nil, nonce(aead), text, nil)}, nil
}

// ErrDamaged is what a text gives that is not what Seal made.
var ErrDamaged = errors.New("what is under the customer's key does not open: it was changed")

// Open is the inverse of Seal, if as may have the key. The error is Unwrap's, or
// ErrDamaged.
func Open(ctx context.Context, d *door.Door, as *door.Principal, with Context, s *Sealed) ([]byte, error) {
	aead, err := Unwrap(ctx, d, as, with, &s.Wrapped)
	if err != nil {
		return nil, err
	}
	return OpenText(aead, bytes.Clone(s.Text))
}

// OpenText opens what Seal made of a text, in text's own memory, with what
// Unwrap gave. The error is ErrDamaged.
func OpenText(aead cipher.AEAD, text []byte) ([]byte, error) {
	opened, err := aead.Open(text[:0], nonce(aead), text, nil)
	if err != nil {
		return nil, ErrDamaged
	}
	return opened, nil
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
