package oidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cloister/internal/dial"
	"cloister/internal/oidc"
	"cloister/internal/oidc/oidctest"
)

const issuerURL = "https://idp.example/realm"

// memory is Keys with an issuer, in a bubble of time.
func memory(t *testing.T) (*oidc.Keys, *oidctest.Issuer, *oidc.Issuer) {
	issuer := oidctest.New(t, issuerURL)
	return oidc.NewKeys(issuer.Fetch), issuer, &oidc.Issuer{URL: issuerURL}
}

func want(t *testing.T, issuer *oidctest.Issuer, asked int, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) || wanted == nil && err != nil {
		t.Errorf("got %v, want %v", err, wanted)
	}
	if got := issuer.Asked(); got != asked {
		t.Errorf("the issuer was asked for %d documents, not %d", got, asked)
	}
}

// Keys are remembered for ten minutes; one that is not known has the issuer
// asked, but not again within half a minute.
func TestKeysAreRememberedAndRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, issuer, who := memory(t)
		first := issuer.KeyOf(jose.RS256)
		for range 3 {
			_, err := k.Of(t.Context(), who, first, true)
			want(t, issuer, 2, err, nil)
		}
		issuer.Rotate()
		second := issuer.KeyOf(jose.RS256)
		_, err := k.Of(t.Context(), who, second, true)
		want(t, issuer, 2, err, oidc.ErrNoKey) // asked a moment ago
		time.Sleep(31 * time.Second)
		_, err = k.Of(t.Context(), who, second, true)
		want(t, issuer, 4, err, nil)
		for i := range 100 { // a stranger's tokens
			_, err = k.Of(t.Context(), who, fmt.Sprint("invented ", i), true)
			want(t, issuer, 4, err, oidc.ErrNoKey)
		}
		_, err = k.Of(t.Context(), who, second, true)
		want(t, issuer, 4, err, nil)
		// The key that went is no longer good, once the issuer was asked.
		_, err = k.Of(t.Context(), who, first, true)
		want(t, issuer, 4, err, oidc.ErrNoKey)
		time.Sleep(11 * time.Minute)
		_, err = k.Of(t.Context(), who, second, true)
		want(t, issuer, 6, err, nil)
	})
}

// Keys outlive an issuer that does not answer for an hour, and no longer; it is
// asked every ten seconds at most.
func TestIssuerThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, issuer, who := memory(t)
		id := issuer.KeyOf(jose.RS256)
		down := func() ([]byte, error) { return nil, errors.New("connection refused") }
		issuer.Answer("discovery", down)
		_, err := k.Of(t.Context(), who, id, true)
		want(t, issuer, 1, err, oidc.ErrUnreachable)
		_, err = k.Of(t.Context(), who, id, true)
		want(t, issuer, 1, err, oidc.ErrUnreachable)
		issuer.Answer("discovery", nil)
		_, err = k.Of(t.Context(), who, id, true)
		want(t, issuer, 1, err, oidc.ErrUnreachable)
		time.Sleep(11 * time.Second)
		_, err = k.Of(t.Context(), who, id, true)
		want(t, issuer, 3, err, nil)

		issuer.Answer("keys", down)
		time.Sleep(30 * time.Minute)
		_, err = k.Of(t.Context(), who, id, true)
		want(t, issuer, 5, err, nil)
		time.Sleep(31 * time.Minute)
		_, err = k.Of(t.Context(), who, id, true)
		want(t, issuer, 7, err, oidc.ErrUnreachable)
	})
}

// Who may not have the issuer asked gets what is remembered, or nothing.
func TestNotToBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, issuer, who := memory(t)
		id := issuer.KeyOf(jose.RS256)
		_, err := k.Of(t.Context(), who, id, false)
		want(t, issuer, 0, err, oidc.ErrNoKey)
		if _, err := k.Of(t.Context(), who, id, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		_, err = k.Of(t.Context(), who, id, false)
		want(t, issuer, 2, err, nil)
		_, err = k.Of(t.Context(), who, "another", false)
		want(t, issuer, 2, err, oidc.ErrNoKey)
	})
}

// However many ask at once, the issuer is asked once, and one that gives up does
// not take the answer from the others.
func TestOneQuestionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := oidctest.New(t, issuerURL)
		k := oidc.NewKeys(func(ctx context.Context, url string, trust dial.Trust, most int64) ([]byte, error) {
			time.Sleep(3 * time.Second)
			return issuer.Fetch(ctx, url, trust, most)
		})
		who, id := &oidc.Issuer{URL: issuerURL}, issuer.KeyOf(jose.RS256)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				ctx := t.Context()
				if i%2 == 0 {
					limited, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					ctx = limited
				}
				if _, err := k.Of(ctx, who, id, true); i%2 == 0 != errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("caller %d: %v", i, err)
				}
			})
		}
		all.Wait()
		if issuer.Asked() != 2 {
			t.Errorf("asked for %d documents", issuer.Asked())
		}
	})
}

// Providers that believe different certificates do not share keys.
func TestThumbprintsAreTold(t *testing.T) {
	var trusted []string
	issuer := oidctest.New(t, issuerURL)
	k := oidc.NewKeys(func(ctx context.Context, url string, trust dial.Trust, most int64) ([]byte, error) {
		trusted = append(trusted, strings.Join(trust.Thumbprints, "+"))
		if trust.Thumbprints == nil {
			return nil, fmt.Errorf("tls: %w", dial.ErrNotTrusted)
		}
		return issuer.Fetch(ctx, url, trust, most)
	})
	if _, err := k.Of(t.Context(), &oidc.Issuer{URL: issuerURL, Thumbprints: []string{"a", "b"}}, "", true); err != nil {
		t.Error(err)
	}
	if _, err := k.Of(t.Context(), &oidc.Issuer{URL: issuerURL}, "", true); !errors.Is(err, dial.ErrNotTrusted) {
		t.Errorf("without thumbprints: %v", err)
	}
	if got := strings.Join(trusted, " "); got != "a+b a+b " {
		t.Errorf("trusted %q", got)
	}
}

// What an issuer may not say.
func TestBadDocuments(t *testing.T) {
	good, err := oidctest.New(t, issuerURL).KeySet().Keys[0].MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	many := `{"keys":[` + strings.Repeat(string(good)+",", 200) + string(good) + `]}`
	huge := `{"keys":[{"kty":"RSA","kid":"RS256-1","e":"AQAB","n":"` + strings.Repeat("u", 1367) + `"}]}`
	weak := `{"keys":[{"kty":"RSA","kid":"RS256-1","e":"AQAB","n":"` + strings.Repeat("u", 171) + `"}]}`
	for what, c := range map[string]struct{ document, text string }{
		"no JSON":                {"discovery", "<html>"},
		"another issuer":         {"discovery", `{"issuer":"https://evil.example","jwks_uri":"https://idp.example/realm/keys"}`},
		"the issuer with a /":    {"discovery", `{"issuer":"` + issuerURL + `/","jwks_uri":"https://idp.example/realm/keys"}`},
		"no issuer":              {"discovery", `{"jwks_uri":"https://idp.example/realm/keys"}`},
		"the issuer twice":       {"discovery", `{"issuer":"` + issuerURL + `","issuer":"` + issuerURL + `","jwks_uri":"https://idp.example/realm/keys"}`},
		"keys in clear text":     {"discovery", `{"issuer":"` + issuerURL + `","jwks_uri":"http://idp.example/realm/keys"}`},
		"keys in a file":         {"discovery", `{"issuer":"` + issuerURL + `","jwks_uri":"file:///etc/passwd"}`},
		"keys of a user":         {"discovery", `{"issuer":"` + issuerURL + `","jwks_uri":"https://a:b@idp.example/realm/keys"}`},
		"no keys":                {"discovery", `{"issuer":"` + issuerURL + `"}`},
		"a large document":       {"discovery", `{"issuer":"` + strings.Repeat("x", 64<<10) + `"}`},
		"keys that are no JSON":  {"keys", "x"},
		"keys that are no list":  {"keys", `{"keys":{}}`},
		"an empty list":          {"keys", `{"keys":[]}`},
		"too many keys":          {"keys", many},
		"too many bytes":         {"keys", `{"keys":[],"x":"` + strings.Repeat("x", 512<<10) + `"}`},
		"a shared secret":        {"keys", `{"keys":[{"kty":"oct","kid":"RS256-1","k":"AAAA"}]}`},
		"a key for encryption":   {"keys", `{"keys":[` + strings.Replace(string(good), `"use":"sig"`, `"use":"enc"`, 1) + `]}`},
		"a key for encrypting":   {"keys", `{"keys":[` + strings.Replace(string(good), `"use":"sig"`, `"key_ops":["encrypt"]`, 1) + `]}`},
		"a weak key":             {"keys", weak},
		"a huge key":             {"keys", huge},
		"a key of another curve": {"keys", `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"RS256-1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`},
	} {
		t.Run(what, func(t *testing.T) {
			k, issuer, who := memory(t)
			issuer.Answer(c.document, func() ([]byte, error) { return []byte(c.text), nil })
			if keys, err := k.Of(t.Context(), who, "", true); !errors.Is(err, oidc.ErrNoKey) {
				t.Errorf("%v %v", keys, err)
			}
		})
	}
	// Keys that nobody can use do not hide the one that is good.
	k, issuer, who := memory(t)
	issuer.Answer("keys", func() ([]byte, error) {
		return []byte(`{"keys":[{"kty":"new"},{"kty":"RSA"},"x",null,{"kty":"oct","k":"AAAA"},` + string(good) + `],"more":1}`), nil
	})
	if keys, err := k.Of(t.Context(), who, "RS256-1", true); err != nil || len(keys) != 1 {
		t.Errorf("%v %v", keys, err)
	}
}

// An issuer whose documents no code can read is one without keys, and the next
// question is asked like any other.
func TestAskingSurvivesPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, issuer, who := memory(t)
		broken := true
		issuer.Answer("keys", func() ([]byte, error) {
			if broken {
				panic("a mistake in a decoder")
			}
			return json.Marshal(issuer.KeySet())
		})
		if _, err := k.Of(t.Context(), who, "", true); !errors.Is(err, oidc.ErrNoKey) {
			t.Error(err)
		}
		broken = false
		time.Sleep(time.Minute)
		if _, err := k.Of(t.Context(), who, "", true); err != nil {
			t.Error(err)
		}
	})
}

// Only what is asked about now stays in memory.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		k := oidc.NewKeys(func(context.Context, string, dial.Trust, int64) ([]byte, error) {
			asked++
			return nil, errors.New("down")
		})
		for i := range 1200 {
			_, _ = k.Of(t.Context(), &oidc.Issuer{URL: fmt.Sprintf("https://%d.example", i)}, "", true)
			time.Sleep(time.Millisecond)
		}
		before := asked
		_, _ = k.Of(t.Context(), &oidc.Issuer{URL: "https://1199.example"}, "", true)
		if asked != before {
			t.Error("the last one is forgotten")
		}
		_, _ = k.Of(t.Context(), &oidc.Issuer{URL: "https://0.example"}, "", true)
		if asked == before {
			t.Error("the first of 1,200 is remembered")
		}
	})
}
