package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"sync"

	"cloister/internal/seal"
)

// SigningKey is a secret key confined to one day, region and service. It does
// not print.
type SigningKey [sha256.Size]byte

// Format writes "[secret]" for every verb.
func (SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText writes "[secret]" into JSON and logs.
func (SigningKey) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// DeriveKey derives the signing key of a secret access key for one date
// (YYYYMMDD), region and service
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#derive-signing-key).
func DeriveKey(secret, date, region, service string) (key SigningKey) {
	step := append([]byte("AWS4"), secret...)
	for _, part := range [...]string{date, region, service, terminator} {
		mac := hmac.New(sha256.New, step)
		mac.Write([]byte(part))
		step = mac.Sum(nil)
	}
	copy(key[:], step)
	return key
}

// KeyCache keeps derived signing keys, a bounded number of them: the oldest
// half is dropped when it is full. A key is only ever given for the secret it
// was derived from, so a stale one cannot verify. Safe for concurrent use.
type KeyCache struct {
	half int // size of one generation

	mu         sync.Mutex // guards what follows
	young, old map[scopedKey]cachedKey
}

type scopedKey struct{ accessKeyID, date, region, service string }

// clone keeps the cache from holding on to the whole header that the strings
// were cut from.
func (k scopedKey) clone() scopedKey {
	return scopedKey{strings.Clone(k.accessKeyID), strings.Clone(k.date), strings.Clone(k.region), strings.Clone(k.service)}
}

type cachedKey struct {
	secret seal.Secret
	key    SigningKey
}

// NewKeyCache returns a cache of at most max keys, and of 2 at least.
func NewKeyCache(max int) *KeyCache {
	c := &KeyCache{half: max / 2}
	if c.half < 1 {
		c.half = 1
	}
	c.young = map[scopedKey]cachedKey{}
	return c
}

// Key returns the signing key of what s claims, derived from secret, and
// whether it was in the cache. One that was not is for Keep, once Verify has
// shown that s is more than a claim: what strangers make up is not remembered.
func (c *KeyCache) Key(s *Signature, secret seal.Secret) (key SigningKey, kept bool) {
	if key, ok := c.find(scopeOf(s), secret); ok {
		return key, true
	}
	return DeriveKey(string(secret.Reveal()), s.Date, s.Region, s.Service), false
}

// Keep puts a key that Key derived in the cache. Call it after Verify.
func (c *KeyCache) Keep(s *Signature, secret seal.Secret, key SigningKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(scopeOf(s).clone(), cachedKey{secret, key})
}

func scopeOf(s *Signature) scopedKey {
	return scopedKey{s.AccessKeyID, s.Date, s.Region, s.Service}
}

func (c *KeyCache) find(scope scopedKey, secret seal.Secret) (SigningKey, bool) {
	c.mu.Lock()
	cached, ok := c.young[scope]
	if !ok {
		if cached, ok = c.old[scope]; ok {
			c.put(scope.clone(), cached)
		}
	}
	c.mu.Unlock()
	return cached.key, ok && cached.secret.Equal(secret)
}

// put is called with mu held.
func (c *KeyCache) put(scope scopedKey, key cachedKey) {
	if len(c.young) >= c.half {
		c.young, c.old = map[scopedKey]cachedKey{}, c.young
	}
	c.young[scope] = key
}

// Forget drops every key derived from the access key.
func (c *KeyCache) Forget(accessKeyID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, generation := range []map[scopedKey]cachedKey{c.young, c.old} {
		for scope := range generation {
			if scope.accessKeyID == accessKeyID {
				delete(generation, scope)
			}
		}
	}
}
