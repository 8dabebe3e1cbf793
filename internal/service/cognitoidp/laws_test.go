package cognitoidp

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/seal"
	"cloister/internal/store"
)

// The vectors of RFC 6238, appendix B, of which an app shows six digits.
func TestTOTPVectors(t *testing.T) {
	seed := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"} {
		if got := oneTimeCode(seed, at/stepSeconds); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

// A code is matched in its own step and in those beside it, and what is matched
// is a step of which it is the code.
func TestTOTPLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), seedSize, seedSize).Draw(t, "seed")
		now := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "now"), 0)
		off := rapid.Int64Range(-5, 5).Draw(t, "off")
		present := now.Unix() / stepSeconds
		code := oneTimeCode(seed, present+off)
		step, ok := matchCode(seal.NewSecret(seed), code, now)
		if !ok && off >= -codeWindow && off <= codeWindow {
			t.Fatalf("a code of %d steps off is not matched", off)
		}
		if ok && (oneTimeCode(seed, step) != code || step < present-codeWindow || step > present+codeWindow) {
			t.Fatalf("matched step %d at %d", step, present)
		}
	})
}

// A new key is published before it signs, and an old one for as long as what it
// signed is good.
func TestKeysRotate(t *testing.T) {
	h := newHarness(t)
	poolID, clientID := h.makePool()
	h.makeUser(poolID, "ada")
	published := func() (ids []string) {
		err := h.DB.View(t.Context(), func(r store.Reader) error {
			set, err := h.service.keySet(r, poolID)
			for _, k := range set.Keys {
				ids = append(ids, k.KeyID)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	rotate := func() {
		t.Helper()
		if err := h.service.rotateKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first := published()
	rotate()
	if len(published()) != 2 {
		t.Fatal("young keys are changed")
	}
	h.pass(keyAge - keyAhead + time.Hour)
	rotate()
	rotate()
	if len(published()) != 4 {
		t.Fatalf("%d keys", len(published()))
	}
	h.claimsOf(poolID, *h.signedIn(clientID, "ada").IdToken) // by a key that is published
	h.pass(keyAhead)
	before := h.signedIn(clientID, "ada")
	h.pass(keyAfter + time.Minute)
	rotate()
	after := published()
	if len(after) != 2 || after[0] == first[0] || after[1] == first[1] {
		t.Fatalf("%v, then %v", first, after)
	}
	h.claimsOf(poolID, *before.IdToken)
	if _, err := try(h, h.anyone(), api.OpGetUser, &api.GetUserRequest{AccessToken: h.signedIn(clientID, "ada").AccessToken}); err != nil {
		t.Error(err)
	}
}

func FuzzFilter(f *testing.F) {
	for _, text := range []string{``, `email = "a"`, `username ^= "b"`, `"name"="x\"y"`, `status = "Enabled"`, `=`, `^="`, `name`, `sub="`} {
		f.Add(text)
	}
	u := &user{Name: "ada", Sub: "s", Status: confirmed, Attributes: map[string]string{"email": "a@example.com"}}
	f.Fuzz(func(_ *testing.T, text string) {
		if keep, err := parseFilter(text); err == nil && keep != nil {
			keep(u)
		}
	})
}

// What passes for an address is one line, and cannot mean more in a header.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{"a@example.com", "a@b\r\nBcc: x@y", "A <a@b>", "a@b,c@d", `"a b"@c`, "ä@example.com", "a@[127.0.0.1]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if isEmail(text) && (strings.ContainsAny(text, "\r\n<>,; \"") || !strings.Contains(text, "@")) {
			t.Errorf("%q passes for an address", text)
		}
		_ = masked(text)
	})
}

// Nothing that a client makes up opens as something of the service's.
func FuzzSealed(f *testing.F) {
	h := newHarness(f)
	good, err := h.service.sealFor(stateTable, "client", &state{ID: "x"})
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"", ".", "client." + good, good[1:], good + "A", "AAAA"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var st state
		if h.service.openFor(stateTable, "client", text, &st) == nil && text != good {
			t.Errorf("%q opens", text)
		}
		if h.service.openFor(stateTable, "another", text, &st) == nil || h.service.openFor(refreshTable, "client", text, &st) == nil {
			t.Errorf("%q opens for something else", text)
		}
	})
}
