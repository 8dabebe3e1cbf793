package cognitoidp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cloister/internal/seal"
	"cloister/internal/store"
)

const (
	// keyAge is how long a key signs before another one does.
	keyAge = 90 * 24 * time.Hour
	// keyAhead is how long a key is published before it signs.
	keyAhead = 24 * time.Hour
	// keyAfter is how long it is published afterwards: as long as what it signed
	// may be good.
	keyAfter = longestLife + time.Hour
)

// The two kinds of keys: AWS signs ID tokens with one and access tokens with the
// other.
const (
	idUse     = "id"
	accessUse = "access"
)

func (s *Service) newKeySet(pool string, at time.Time) (*keySet, error) {
	set := &keySet{Pool: pool}
	for _, use := range []string{idUse, accessUse} {
		k, err := s.newSigningKey(use, at)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, *k)
	}
	return set, nil
}

func (s *Service) newSigningKey(use string, from time.Time) (*signingKey, error) {
	key, err := s.newKey()
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	return &signingKey{ID: base64.StdEncoding.EncodeToString(id), Use: use, Private: seal.NewSecret(private), From: from}, nil
}

// current is the key of a kind that signs at a time.
func (k *keySet) current(use string, at time.Time) *signingKey {
	var best *signingKey
	for i := range k.Keys {
		one := &k.Keys[i]
		if one.Use == use && (best == nil || !one.From.After(at) && one.From.After(best.From)) {
			best = one
		}
	}
	return best
}

// private parses a key, which is remembered: its id means no other.
func (s *Service) private(k *signingKey) (*rsa.PrivateKey, error) {
	s.mu.Lock()
	known := s.parsed[k.ID]
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(k.Private.Reveal())
	if err != nil {
		return nil, errors.New("a signing key cannot be read")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("a signing key is of another kind")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.parsed) >= 1000 {
		clear(s.parsed)
	}
	s.parsed[k.ID] = key
	return key, nil
}

// KeySet is what verifies the tokens of a pool.
func (s *Service) keySet(r store.Reader, pool string) (*jose.JSONWebKeySet, error) {
	set, err := poolKeys.Get(r, store.K(pool))
	if err != nil {
		return nil, err
	}
	out := &jose.JSONWebKeySet{}
	for i := range set.Keys {
		k := &set.Keys[i]
		private, err := s.private(k)
		if err != nil {
			return nil, err
		}
		out.Keys = append(out.Keys, jose.JSONWebKey{Key: private.Public(), KeyID: k.ID, Algorithm: string(jose.RS256), Use: "sig"})
	}
	return out, nil
}

// rotateKeys gives the pools whose keys are old new ones, and takes those away
// that nothing good is signed with any more.
func (s *Service) rotateKeys(ctx context.Context) error {
	now := s.now()
	var due []*keySet
	err := s.db.View(ctx, func(r store.Reader) error {
		for item, err := range poolKeys.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			if item.Value.isDue(now) {
				due = append(due, item.Value)
			}
		}
		return nil
	})
	for _, set := range due {
		if e := s.rotateOne(ctx, set, now); e != nil {
			err = errors.Join(err, fmt.Errorf("pool %s: %w", set.Pool, e))
		}
	}
	return err
}

func (k *keySet) isDue(now time.Time) bool {
	return len(k.kept(now)) < len(k.Keys) || k.isOld(idUse, now) || k.isOld(accessUse, now)
}

// isOld tells whether the newest key of a kind is to be followed by another.
func (k *keySet) isOld(use string, now time.Time) bool {
	var newest time.Time
	for _, one := range k.Keys {
		if one.Use == use && one.From.After(newest) {
			newest = one.From
		}
	}
	return now.After(newest.Add(keyAge - keyAhead))
}

// kept are the keys that are still needed.
func (k *keySet) kept(now time.Time) (kept []signingKey) {
	for _, one := range k.Keys {
		over := false
		for _, other := range k.Keys {
			over = over || other.Use == one.Use && other.From.After(one.From) && now.After(other.From.Add(keyAfter))
		}
		if !over {
			kept = append(kept, one)
		}
	}
	return kept
}

func (s *Service) rotateOne(ctx context.Context, seen *keySet, now time.Time) error {
	var fresh []signingKey
	for _, use := range []string{idUse, accessUse} {
		if !seen.isOld(use, now) {
			continue
		}
		k, err := s.newSigningKey(use, now.Add(keyAhead))
		if err != nil {
			return err
		}
		fresh = append(fresh, *k)
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		set, err := poolKeys.Get(tx, store.K(seen.Pool))
		if isMissing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, k := range fresh {
			if set.isOld(k.Use, now) {
				set.Keys = append(set.Keys, k)
			}
		}
		set.Keys = set.kept(now)
		return poolKeys.Put(tx, store.K(seen.Pool), set)
	})
}
