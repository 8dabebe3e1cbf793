package cognitoidentity

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// Issuer is who signs the tokens of identity pools, and the provider that trust
// policies name.
const (
	Issuer   = "https://" + Provider
	Provider = "cognito-identity.amazonaws.com"
)

// keyAge is how long a key signs. What it signed, which is good for a day at most,
// outlives it by the next one's age.
const keyAge = 90 * 24 * time.Hour

var signerKey = store.K("now")

// newKey makes a key that signs from now on.
func newKey(at time.Time) (*signingKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return &signingKey{ID: hex.EncodeToString(id), Private: seal.NewSecret(private), From: at}, nil
}

// current gives the key that signs, and makes the first.
func (s *Service) current(ctx context.Context) (*signingKey, error) {
	for range 2 {
		var found *signer
		err := s.db.View(ctx, func(r store.Reader) (err error) {
			found, err = signers.Get(r, signerKey)
			return err
		})
		if err == nil {
			return &found.Keys[len(found.Keys)-1], nil
		}
		if !isMissing(err) {
			return nil, err
		}
		if err := s.rotate(ctx); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("there is no signing key")
}

// rotate makes a key where there is none or the newest is old.
func (s *Service) rotate(ctx context.Context) error {
	now := s.now()
	var made *signingKey
	return s.db.Update(ctx, func(tx *store.Tx) (err error) {
		have, err := signers.Get(tx, signerKey)
		if isMissing(err) {
			have, err = &signer{}, nil
		}
		if err != nil {
			return err
		}
		if n := len(have.Keys); n > 0 && now.Sub(have.Keys[n-1].From) < keyAge {
			return nil
		}
		if made == nil { // the transaction may run again
			if made, err = newKey(now); err != nil {
				return err
			}
		}
		have.Keys = append(have.Keys, *made)
		have.Keys = have.Keys[max(0, len(have.Keys)-2):]
		return signers.Put(tx, signerKey, have)
	})
}

// private parses a key, which is remembered: its id means no other.
func (s *Service) private(k *signingKey) (*rsa.PrivateKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.parsed[k.ID]; known != nil {
		return known, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(k.Private.Reveal())
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("a signing key cannot be read")
	}
	clear(s.parsed)
	s.parsed[k.ID] = key
	return key, nil
}

// Keys gives the keys that verify the tokens of Issuer, for those on this node who
// verify them.
func (s *Service) Keys(ctx context.Context) (keys []jose.JSONWebKey, err error) {
	var have *signer
	err = s.db.View(ctx, func(r store.Reader) (err error) {
		have, err = signers.Get(r, signerKey)
		return err
	})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range have.Keys {
		private, err := s.private(&have.Keys[i])
		if err != nil {
			return nil, err
		}
		keys = append(keys, jose.JSONWebKey{Key: private.Public(), KeyID: have.Keys[i].ID, Algorithm: string(jose.RS512), Use: "sig"})
	}
	return keys, nil
}

// sign makes a token of claims.
func (s *Service) sign(ctx context.Context, claims map[string]any) (string, error) {
	k, err := s.current(ctx)
	if err != nil {
		return "", err
	}
	private, err := s.private(k)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS512, Key: jose.JSONWebKey{Key: private, KeyID: k.ID}}, (&jose.SignerOptions{}).WithType("JWS"))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}
