package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func holding(secrets ...string) *Secrets {
	s := new(Secrets)
	for _, secret := range secrets {
		s.Add([]byte(secret))
	}
	return s
}

func TestRedact(t *testing.T) {
	const password = `p"ss/w+rd <&> é`
	for _, c := range []struct{ name, secret, text, want string }{
		{"plain", "correct-horse", "it is correct-horse, twice correct-horse\n", "it is [redacted], twice [redacted]\n"},
		{"nothing", "correct-horse", "it is correct-cow\n", "it is correct-cow\n"},
		{"at the end", "correct-horse", "correct-horse", "[redacted]"},
		{"cut", "correct-horse", "correct-hors", "correct-hors"},
		{"too short to be told from chance", "1234567", "1234567", "1234567"},
		{"in JSON", password, `{"p":"p\"ss/w+rd <&> é"}`, `{"p":"[redacted]"}`},
		{"in JSON for HTML", password, `p\"ss/w+rd \u003c\u0026\u003e é`, `[redacted]`},
		{"in a query", password, "?p=" + url.QueryEscape(password), "?p=[redacted]"},
		{"in a path", password, "/" + url.PathEscape(password), "/[redacted]"},
		{"in a query, in lower case", password, strings.ToLower(url.QueryEscape(password)), "[redacted]"},
		{"in hexadecimal", "correct-horse", "636f72726563742d686f727365", "[redacted]"},
		{"a value of a document", `{"username":"administrator","password":"correct-horse"}`, "login administrator correct-horse", "login administrator [redacted]"},
		{"a nested value", `{"a":[{"b":"correct-horse"}]}`, "correct-horse", "[redacted]"},
		{"a number", `{"pin":1234567890}`, "1234567890", "[redacted]"},
		{"the whole document", `{"k":"correct-horse"}`, `got {"k":"correct-horse"}`, "got [redacted]"},
		{"the longest", "correct-horse", "correct-horse-battery", "[redacted]-battery"},
		{"a line of a key", "-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END KEY-----\n", "BgkqhkiG9w0B\n", "[redacted]\n"},
		{"not what all keys have", "-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----\n", "-----BEGIN KEY-----\n", "-----BEGIN KEY-----\n"},
	} {
		if got := string(holding(c.secret).Redact([]byte(c.text))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := string(holding("correct-horse", "correct-horse-battery").Redact([]byte("correct-horse-battery"))); got != Mark {
		t.Errorf("of two the shorter was found: %q", got)
	}
	if got := string(new(Secrets).Redact([]byte("x"))); got != "x" {
		t.Errorf("without secrets: %q", got)
	}
}

// However a secret is written into a longer text, and wherever, it is not there
// afterwards, and what stands around it is.
func TestNoFormIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.OneOf(
			rapid.StringMatching(`[!-~]{8,40}`),
			rapid.StringOfN(rapid.RuneFrom([]rune(`é"\/<>&+%=;\t ünïcödé`)), 8, 40, -1),
		).Draw(t, "secret")
		before := rapid.StringMatching(`[ -~]{0,9}`).Draw(t, "before")
		after := rapid.StringMatching(`[ -~]{0,9}`).Draw(t, "after")
		s := holding(secret)
		quoted, _ := json.Marshal(secret)
		for name, written := range map[string]string{
			"plain": secret, "JSON": string(quoted[1 : len(quoted)-1]), "query": url.QueryEscape(secret), "path": url.PathEscape(secret), "hex": hex.EncodeToString([]byte(secret)),
		} {
			got := string(s.Redact([]byte(before + written + after)))
			if strings.Contains(got, written) {
				t.Errorf("%s: %q is still in %q", name, written, got)
			}
			if !strings.Contains(before+after, Mark) && before+Mark+after != got && !strings.Contains(before+written, secret) {
				t.Errorf("%s: %q", name, got)
			}
		}
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
			got := s.Redact([]byte(e.EncodeToString([]byte(before + secret + after))))
			if !bytes.Contains(got, []byte(Mark)) {
				t.Errorf("base64: %q", got)
			}
		}
	})
}

func TestTooManySecretsWithholdEverything(t *testing.T) {
	s := new(Secrets)
	for i := 0; s.count <= maxForms; i++ {
		s.Add(fmt.Appendf(nil, "%06d-secret", i))
	}
	if got := string(s.Redact([]byte("anything"))); got != Withheld {
		t.Errorf("%q", got)
	}
}

// A text that nearly matches everywhere takes no longer than others.
func TestNearMissesAreBounded(t *testing.T) {
	s := new(Secrets)
	for i := range 100 {
		s.Add(fmt.Appendf(nil, "%s%03d", strings.Repeat("a", 100), i))
	}
	if got := string(s.Redact(bytes.Repeat([]byte("a"), 100_000))); got != Withheld {
		t.Errorf("%.40q", got)
	}
	if got := string(s.Redact([]byte("and " + strings.Repeat("a", 100) + "007"))); got != "and [redacted]" {
		t.Errorf("%q", got)
	}
}

func TestLongest(t *testing.T) {
	if n := new(Secrets).Longest(); n != 0 {
		t.Errorf("without secrets: %d", n)
	}
	if n := holding("<<<<<<<<").Longest(); n != len(`\u003c`)*8 {
		t.Errorf("longest %d", n)
	}
}

func TestAddWhileReading(t *testing.T) {
	s := new(Secrets)
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for i := range 50 {
				secret := fmt.Appendf(nil, "secret-%d-%d", w, i)
				s.Add(secret)
				if got := string(s.Redact(secret)); got != Mark {
					t.Errorf("%q", got)
				}
			}
		})
	}
	workers.Wait()
}

func BenchmarkRedact(b *testing.B) {
	s := holding(`{"username":"admin","password":"correct-horse-battery"}`, "another-secret-value")
	line := []byte(strings.Repeat("2026-01-02T03:04:05.678Z INFO order 12345 of customer 67890 was taken; ", 14) + "\n")
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		s.Redact(line)
	}
}
