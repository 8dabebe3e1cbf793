package session

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cloister/internal/seal"
	"cloister/policy"
)

func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	keys, err := seal.Open(seal.RootOptions{Dir: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// sessions draws sessions of every kind, with what a caller may choose.
func sessions(t *rapid.T) *Session {
	id, secret := NewAccessKey(TemporaryPrefix)
	text := rapid.StringN(0, 40, 100)
	issued := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "issued"), 0)
	s := &Session{
		AccessKeyID: id, Secret: secret,
		Kind:    rapid.SampledFrom([]policy.PrincipalKind{policy.PrincipalRoot, policy.PrincipalUser, policy.PrincipalAssumedRole}).Draw(t, "kind"),
		Account: "123456789012", EntityID: text.Draw(t, "entity"), Name: text.Draw(t, "name"),
		SourceIdentity: text.Draw(t, "source"), Policy: text.Draw(t, "policy"),
		Issued: issued, Expires: issued.Add(time.Hour), MFA: rapid.Bool().Draw(t, "mfa"),
	}
	if tags := rapid.MapOfN(text, text, 0, 5).Draw(t, "tags"); len(tags) > 0 {
		s.Tags = tags
	}
	if provider := text.Draw(t, "provider"); provider != "" {
		s.Provider, s.FederatedKeys = provider, map[string][]string{"idp:sub": {text.Draw(t, "subject")}}
	}
	if arns := rapid.SliceOfN(text, 0, 5).Draw(t, "arns"); len(arns) > 0 {
		s.PolicyARNs = arns
	}
	return s
}

func TestTokenOpensToItsSession(t *testing.T) {
	keys := keyring(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := sessions(rt)
		token, err := Token(keys, s)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := Open(keys, s.AccessKeyID, token)
		if err != nil {
			rt.Fatal(err)
		}
		if !got.Issued.Equal(s.Issued) || !got.Expires.Equal(s.Expires) || !got.Secret.Equal(s.Secret) {
			rt.Fatalf("%+v opens to %+v", s, got)
		}
		got.Issued, got.Expires, got.Secret = s.Issued, s.Expires, s.Secret
		if !reflect.DeepEqual(got, s) {
			rt.Fatalf("%+v opens to %+v", s, got)
		}
	})
}

// No change of a token, and no other access key id, opens it.
func TestChangedTokenDoesNotOpen(t *testing.T) {
	keys := keyring(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := sessions(rt)
		token, err := Token(keys, s)
		if err != nil {
			rt.Fatal(err)
		}
		id, changed := s.AccessKeyID, []byte(token)
		switch rapid.IntRange(0, 5).Draw(rt, "way") {
		case 0: // a bit of the sealed bytes
			sealed, _ := base64.StdEncoding.DecodeString(token)
			at := rapid.IntRange(0, len(sealed)*8-1).Draw(rt, "bit")
			sealed[at/8] ^= 1 << (at % 8)
			changed = []byte(base64.StdEncoding.EncodeToString(sealed))
		case 1: // a character of the text
			at := rapid.IntRange(0, len(changed)-1).Draw(rt, "at")
			changed[at] ^= byte(rapid.IntRange(1, 127).Draw(rt, "xor"))
		case 2: // cut
			changed = changed[:rapid.IntRange(0, len(changed)-1).Draw(rt, "length")]
		case 3: // longer
			changed = append(changed, rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(rt, "more")...)
		case 4: // what a lenient decoder skips
			at := rapid.IntRange(0, len(changed)).Draw(rt, "at")
			changed = slices.Insert(changed, at, '\n')
		case 5: // another key's
			id, _ = NewAccessKey(TemporaryPrefix)
		}
		if _, err := Open(keys, id, string(changed)); !errors.Is(err, ErrInvalid) {
			rt.Fatalf("a changed token opens: %v", err)
		}
	})
}

func TestTokenOfAnotherRootKeyDoesNotOpen(t *testing.T) {
	s := &Session{AccessKeyID: "ASIAAAAAAAAAAAAAAAAA"}
	token, err := Token(keyring(t), s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(keyring(t), s.AccessKeyID, token); !errors.Is(err, ErrInvalid) {
		t.Errorf("opens: %v", err)
	}
}

// Only what was sealed as a session opens as one.
func TestSealedForSomethingElseIsNoToken(t *testing.T) {
	keys := keyring(t)
	packed, err := pack(&Session{AccessKeyID: "ASIAAAAAAAAAAAAAAAAA"})
	if err != nil {
		t.Fatal(err)
	}
	other := base64.StdEncoding.EncodeToString(keys.Seal("iam.user", []byte("ASIAAAAAAAAAAAAAAAAA"), packed))
	if _, err := Open(keys, "ASIAAAAAAAAAAAAAAAAA", other); !errors.Is(err, ErrInvalid) {
		t.Errorf("opens: %v", err)
	}
}

func TestTokenIsBounded(t *testing.T) {
	keys := keyring(t)
	s := &Session{AccessKeyID: "ASIAAAAAAAAAAAAAAAAA", Tags: map[string]string{}}
	for i := range 200 {
		s.Tags[fmt.Sprint(i)] = string(keys.Derive(fmt.Sprint("noise ", i), 200))
	}
	if _, err := Token(keys, s); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a huge session: %v", err)
	}
	if _, err := Open(keys, s.AccessKeyID, strings.Repeat("A", maxToken+4)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a huge token: %v", err)
	}
}

func TestPackedSizeCountsWhatTheCallerChose(t *testing.T) {
	size := func(s *Session) int {
		n, err := PackedSize(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := size(&Session{AccessKeyID: "ASIAAAAAAAAAAAAAAAAA", Name: "name", EntityID: "AROA"}); n != 0 {
		t.Errorf("a session without policies and tags has %d", n)
	}
	small, large := size(&Session{Policy: "{}"}), size(&Session{Policy: `{"Version":"2012-10-17","Statement":[]}`})
	if small <= 0 || large <= small {
		t.Errorf("sizes %d and %d", small, large)
	}
}

func TestAccessKeyForm(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		id, secret := NewAccessKey(LongTermPrefix)
		if len(id) != 20 || !strings.HasPrefix(id, "AKIA") || len(secret.Reveal()) != 40 || seen[id] || seen[string(secret.Reveal())] {
			t.Fatalf("access key %s with a secret of %d", id, len(secret.Reveal()))
		}
		seen[id], seen[string(secret.Reveal())] = true, true
	}
}

func FuzzOpen(f *testing.F) {
	keys := keyring(f)
	s := &Session{AccessKeyID: "ASIAAAAAAAAAAAAAAAAA", Name: "n"}
	token, err := Token(keys, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.AccessKeyID, token)
	f.Add("", "")
	f.Add("ASIAAAAAAAAAAAAAAAAA", "eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, id, text string) {
		if _, err := Open(keys, id, text); err == nil && (id != s.AccessKeyID || text != token) {
			t.Error("opens what was never issued")
		}
	})
}
