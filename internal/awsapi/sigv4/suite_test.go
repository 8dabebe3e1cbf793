package sigv4

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// suiteDir finds AWS's own test suite (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4),
// which is not part of this repository.
func suiteDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CLOISTER_SIGV4_SUITE")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "data", "sigv4", "v4")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("AWS's SigV4 suite is not in %s; set CLOISTER_SIGV4_SUITE to the folder v4 of aws-c-auth's tests/aws-signing-test-suite", dir)
	}
	return dir
}

// suiteCase is one folder of the suite.
type suiteCase struct {
	dir         string
	Credentials struct {
		AccessKeyID     string `json:"access_key_id"`
		SecretAccessKey string `json:"secret_access_key"`
		Token           string `json:"token"`
	}
	Region, Service string
	Timestamp       time.Time
	Normalize       bool
}

func (c *suiteCase) file(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (c *suiteCase) key() SigningKey {
	return DeriveKey(c.Credentials.SecretAccessKey, c.Timestamp.Format("20060102"), c.Region, c.Service)
}

func TestOfficialSuite(t *testing.T) {
	contexts, _ := filepath.Glob(filepath.Join(suiteDir(t), "*", "context.json"))
	if len(contexts) < 38 {
		t.Fatalf("the suite has %d cases, not 38: it is not whole", len(contexts))
	}
	for _, path := range contexts {
		c := &suiteCase{dir: filepath.Dir(path)}
		if err := json.Unmarshal(c.file(t, "context.json"), c); err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{"header", "query"} {
			t.Run(filepath.Base(c.dir)+"/"+form, func(t *testing.T) { c.check(t, form) })
		}
	}
}

func (c *suiteCase) check(t *testing.T, form string) {
	r, body := rawRequest(t, c.file(t, form+"-signed-request.txt"))
	s, err := Parse(r)
	if err != nil || s == nil {
		t.Fatalf("parse: %v, %v", s, err)
	}
	if !c.Normalize {
		s.Service = "s3" // the suite calls every service "service"; this is the rule it means
	}
	s.HashBody(body)
	if err := s.Verify(c.key(), c.Timestamp.Add(time.Minute)); err != nil {
		canonical, _ := s.appendCanonical(nil, true)
		t.Errorf("%v\ngot canonical request:\n%s\nwant:\n%s", err, canonical, c.file(t, form+"-canonical-request.txt"))
	}
	if s.SessionToken != c.Credentials.Token || s.Presigned != (form == "query") {
		t.Errorf("session token %q, presigned %v", s.SessionToken, s.Presigned)
	}
	other := c.key()
	other[0] ^= 1
	if s.Verify(other, c.Timestamp) == nil {
		t.Error("another key verifies, too")
	}
}

// rawRequest reads a request as the suite writes it, which net/http does not
// take: with spaces and UTF-8 in the target.
func rawRequest(t *testing.T, text []byte) (*http.Request, []byte) {
	t.Helper()
	head, body, _ := bytes.Cut(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	line, rest, _ := strings.Cut(string(head), "\n")
	method, target, _ := strings.Cut(strings.TrimSuffix(line, " HTTP/1.1"), " ")
	path, query, _ := strings.Cut(target, "?")
	r := &http.Request{
		Method:        method,
		RequestURI:    target,
		URL:           &url.URL{Path: path, RawQuery: query},
		Header:        http.Header{},
		ContentLength: int64(len(body)),
	}
	// A line that begins with a space goes on with the one before it.
	rest = strings.NewReplacer("\n ", " ", "\n\t", " ").Replace(rest)
	for _, field := range strings.Split(strings.TrimSpace(rest), "\n") {
		name, value, _ := strings.Cut(field, ":")
		r.Header.Add(name, strings.TrimSpace(value))
	}
	r.Host = r.Header.Get("Host")
	r.Header.Del("Host")
	return r, body
}
