package sigv4

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"cloister/internal/seal"

	"pgregory.net/rapid"
)

// The worked example of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html.
func TestDerivedKey(t *testing.T) {
	key := DeriveKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam")
	if got := hex.EncodeToString(key[:]); got != "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9" {
		t.Error(got)
	}
}

func TestSigningKeyDoesNotPrint(t *testing.T) {
	key := DeriveKey("s", "d", "r", "s")
	asJSON, _ := json.Marshal(map[string]any{"k": key})
	all := fmt.Sprintf("%v %+v %x %d %s %#v %v %s", key, &key, key, key, key, key, []SigningKey{key}, asJSON)
	if strings.Contains(all, fmt.Sprint(key[0])+" ") || strings.Contains(all, hex.EncodeToString(key[:4])) {
		t.Error(all)
	}
}

func claim(keyID, region string) *Signature {
	return &Signature{AccessKeyID: keyID, Date: "20261124", Region: region, Service: "lambda"}
}

// keyOf asks the cache for a key and keeps it, as after a Verify that succeeded.
func keyOf(c *KeyCache, s *Signature, secret string) SigningKey {
	key, kept := c.Key(s, seal.NewSecret([]byte(secret)))
	if !kept {
		c.Keep(s, seal.NewSecret([]byte(secret)), key)
	}
	return key
}

// Asking for a key leaves nothing behind: who asks may be anyone.
func TestOnlyKeptKeysAreKept(t *testing.T) {
	c, s, secret := NewKeyCache(4), claim("a", "r"), seal.NewSecret([]byte("x"))
	key, kept := c.Key(s, secret)
	if _, again := c.Key(s, secret); kept || again || len(c.young)+len(c.old) != 0 {
		t.Error("a key was kept that nobody kept")
	}
	c.Keep(s, secret, key)
	if same, kept := c.Key(s, secret); !kept || same != key {
		t.Error("the key was not kept")
	}
}

// Whatever was asked before, the cache answers as DeriveKey does, and it never
// grows beyond its bound.
func TestCacheAnswersAsDeriveKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewKeyCache(rapid.IntRange(0, 6).Draw(t, "size"))
		for range rapid.IntRange(1, 40).Draw(t, "calls") {
			s := claim(rapid.StringMatching(`[ab]`).Draw(t, "key"), rapid.StringMatching(`[a-e]`).Draw(t, "region"))
			secret := rapid.StringMatching(`[xy]`).Draw(t, "secret")
			if keyOf(c, s, secret) != DeriveKey(secret, s.Date, s.Region, s.Service) {
				t.Fatalf("wrong key for %+v with secret %s", s, secret)
			}
			if len(c.young)+len(c.old) > 2*c.half {
				t.Fatalf("%d+%d keys in a cache of %d", len(c.young), len(c.old), 2*c.half)
			}
			if rapid.IntRange(0, 9).Draw(t, "forget") == 0 {
				c.Forget(s.AccessKeyID)
			}
		}
	})
}

func TestForgottenKeysAreGone(t *testing.T) {
	c := NewKeyCache(4)
	for _, s := range []*Signature{claim("a", "1"), claim("a", "2"), claim("b", "1"), claim("a", "3")} {
		keyOf(c, s, "x")
	}
	c.Forget("a")
	for _, generation := range []map[scopedKey]cachedKey{c.young, c.old} {
		for scope := range generation {
			if scope.accessKeyID == "a" {
				t.Errorf("%+v is still there", scope)
			}
		}
	}
	if len(c.young)+len(c.old) != 1 {
		t.Error("the other access key was forgotten, too")
	}
}

func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	c := NewKeyCache(8)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 200 {
				s := claim(fmt.Sprint(i%2), fmt.Sprint(j%10))
				if keyOf(c, s, "x") != DeriveKey("x", s.Date, s.Region, s.Service) {
					t.Error("wrong key")
				}
				c.Forget(fmt.Sprint(j % 2))
			}
		})
	}
	group.Wait()
}
