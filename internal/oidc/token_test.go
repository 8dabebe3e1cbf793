package oidc

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// TestWycheproof runs the vectors of Project Wycheproof for JSON Web Signatures.
// Keys that share a secret do not count here, so that none of theirs is valid.
func TestWycheproof(t *testing.T) {
	text, err := os.ReadFile(vectors(t, "json_web_signature_test.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		TestGroups []struct {
			Comment string
			Private json.RawMessage
			Public  json.RawMessage
			Tests   []struct {
				TcID    int
				Comment string
				JWS     any
				Result  string
				Flags   []string
			}
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	ran, verified := 0, 0
	for _, group := range file.TestGroups {
		keys, usable := vectorKeys(t, group.Public)
		for _, c := range group.Tests {
			ran++
			jws, _ := c.JWS.(string)
			good := false
			if token, err := parseSigned(jws); err == nil {
				_, err = token.Verify(keys)
				good = err == nil
			}
			if good {
				verified++
			}
			// Of four vectors the key says that it is for another algorithm.
			want := c.Result == "valid" && usable && !otherAlgorithm(jws, keys)
			if good != want {
				t.Errorf("%s, test %d (%s %v): verified is %v, the vector is %s", group.Comment, c.TcID, c.Comment, c.Flags, good, c.Result)
			}
		}
	}
	if ran < 300 || verified < 10 {
		t.Errorf("%d vectors, %d verified: the file is read wrongly", ran, verified)
	}
}

func otherAlgorithm(jws string, keys []jose.JSONWebKey) bool {
	token, err := parseSigned(jws)
	return err == nil && keys[0].Algorithm != "" && keys[0].Algorithm != token.header.Algorithm
}

// vectorKeys are a group's keys as an issuer would publish them, and whether
// one of them counts.
func vectorKeys(t *testing.T, public json.RawMessage) (keys []jose.JSONWebKey, usable bool) {
	t.Helper()
	if public == nil {
		return nil, false
	}
	set := []byte(`{"keys":[` + string(public) + `]}`)
	if strings.Contains(string(public), `"keys"`) {
		set = public
	}
	keys, err := readKeySet(set)
	return keys, err == nil
}

// vectors is a file of Wycheproof's in the module cache.
func vectors(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "-C", "../../../awsapi/gen", "list", "-m", "-f", "{{.Dir}}", "github.com/c2sp/wycheproof").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skip("Wycheproof's vectors are not in the module cache: run `go -C internal/awsapi/gen mod download`")
	}
	return filepath.Join(dir, "testvectors_v1", name)
}

// Nothing that anybody sends panics, and nothing is verified by no keys.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", ".", "..", "eyJhbGciOiJFUzI1NiJ9.e30.AA", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJFUzI1NiIsImp3ayI6e319.e30.AA", "e30.e30.e30",
		"eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjpbImEiXSwiZXhwIjoxLCJzdWIiOiJ4In0.AA",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text)
		if err != nil {
			return
		}
		if _, err := token.Verify(nil); err == nil {
			t.Error("verified by no key")
		}
		_, _ = token.claims.Texts("aud")
		_, _ = token.claims.Scalar("sub")
		token.claims.Names("https://")
	})
}

func FuzzDocuments(f *testing.F) {
	for _, text := range []string{`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, `{"issuer":"https://idp.example","jwks_uri":"https://idp.example/k"}`, `{"keys":[null,{}]}`, "x"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if keys, err := readKeySet(text); err == nil {
			for i := range keys {
				if len(signs(keys[i].Key)) == 0 {
					t.Error("a key that verifies nothing is taken")
				}
			}
		}
		if address, err := readDiscovery(text, "https://idp.example"); err == nil && !strings.HasPrefix(strings.ToLower(address), "https://") {
			t.Errorf("keys are fetched from %q", address)
		}
	})
}
