package keyservice

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cloister/internal/seal"
)

const (
	keyARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	other  = "arn:aws:kms:eu-west-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab"
)

// service is a key service of its own in few lines: one key, no permissions.
type service struct {
	aead   cipher.AEAD
	calls  []string
	answer http.HandlerFunc // when set, instead
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := r.Header.Get("X-Amz-Target")
	s.calls = append(s.calls, target)
	if s.answer != nil {
		s.answer(w, r)
		return
	}
	var in struct {
		KeyId                     string
		Plaintext, CiphertextBlob []byte
		EncryptionContext         map[string]string
	}
	body, _ := io.ReadAll(r.Body)
	credential := "Credential=AKIDEXAMPLE/"
	if err := json.Unmarshal(body, &in); err != nil || in.KeyId != keyARN ||
		!strings.Contains(r.Header.Get("Authorization"), credential) ||
		!strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/kms/aws4_request") {
		refuse(w, "ValidationException", "bad request")
		return
	}
	aad, _ := json.Marshal(in.EncryptionContext)
	nonce := make([]byte, s.aead.NonceSize())
	switch target {
	case "TrentService.Encrypt":
		_, _ = rand.Read(nonce)
		_ = json.NewEncoder(w).Encode(map[string]any{"CiphertextBlob": s.aead.Seal(nonce, nonce, in.Plaintext, aad), "KeyId": keyARN})
	case "TrentService.Decrypt":
		plaintext, err := s.aead.Open(nil, in.CiphertextBlob[:len(nonce)], in.CiphertextBlob[len(nonce):], aad)
		if err != nil {
			refuse(w, "InvalidCiphertextException", "")
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"Plaintext": plaintext, "KeyId": keyARN})
	}
}

func refuse(w http.ResponseWriter, code, message string) {
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}

func start(t *testing.T) (*service, *Custody) {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	s := new(service)
	if s.aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(s)
	t.Cleanup(server.Close)
	return s, &Custody{
		Key: keyARN, Endpoint: server.URL, Client: server.Client(),
		Caller: aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"},
	}
}

func says(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestADirectoryOpensByItsKeyService(t *testing.T) {
	s, c := start(t)
	dir := filepath.Join(t.TempDir(), "data")
	k, err := seal.Open(seal.RootOptions{Dir: dir, Custody: c, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	sealed := k.Seal("t", nil, []byte("hello"))
	if err := k.Rotate(nil); err != nil {
		t.Fatal(err)
	}
	again, err := seal.Open(seal.RootOptions{Dir: dir, Custody: c})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open("t", nil, sealed); err != nil || string(got) != "hello" {
		t.Errorf("opened %q, %v", got, err)
	}
	if got := strings.Join(s.calls, " "); got != "TrentService.Encrypt TrentService.Encrypt TrentService.Decrypt" {
		t.Errorf("calls %s", got)
	}
}

func TestTheServiceKeepsANodeFromStarting(t *testing.T) {
	s, c := start(t)
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := seal.Open(seal.RootOptions{Dir: dir, Custody: c, Create: true}); err != nil {
		t.Fatal(err)
	}
	s.answer = func(w http.ResponseWriter, _ *http.Request) { refuse(w, "DisabledException", keyARN+" is disabled.") }
	_, err := seal.Open(seal.RootOptions{Dir: dir, Custody: c, Create: true})
	says(t, err, "DisabledException", "is disabled", "kms:Decrypt")
	s.answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"Plaintext":"AAAA"}`) }
	_, err = seal.Open(seal.RootOptions{Dir: dir, Custody: c, Create: true})
	says(t, err, "gave a root key of 3 bytes")
}

func TestAnswersAreNotRepeated(t *testing.T) {
	s, c := start(t)
	_, kept, err := c.Make()
	if err != nil {
		t.Fatal(err)
	}
	s.answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"Plaintext": "SECRET`) }
	if _, err := c.Root(kept); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("error %v", err)
	}
	s.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, `SECRET`)
	}
	_, err = c.Root(kept)
	says(t, err, "status 502", "endpoint")
	if strings.Contains(err.Error(), "SECRET") {
		t.Errorf("error %v", err)
	}
}

func TestTheFileDoesNotChooseTheKey(t *testing.T) {
	s, c := start(t)
	_, kept, err := c.Make()
	if err != nil {
		t.Fatal(err)
	}
	asked := len(s.calls)
	_, err = c.Root(bytes.Replace(kept, []byte(keyARN), []byte(other), 1))
	says(t, err, other, "--root-key-kms")
	if len(s.calls) != asked {
		t.Error("the service was asked")
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	s, c := start(t)
	s.answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://attacker.example/", http.StatusTemporaryRedirect)
	}
	_, _, err := c.Make()
	says(t, err, "status 307")
}

func TestWhatIsNotSafeIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Custody){
		"not HTTPS":      func(c *Custody) { c.Endpoint = "http://kms.example" },
		"user in it":     func(c *Custody) { c.Endpoint = "https://a:b@kms.example" },
		"a path":         func(c *Custody) { c.Endpoint = "https://kms.example/x" },
		"an alias":       func(c *Custody) { c.Key = "arn:aws:kms:eu-west-1:111122223333:alias/x" },
		"an id":          func(c *Custody) { c.Key = "1234abcd-12ab-34cd-56ef-1234567890ab" },
		"a host in it":   func(c *Custody) { c.Key, c.Endpoint = "arn:aws:kms:evil.example/:1:key/x", "" },
		"no credentials": func(c *Custody) { c.Caller = aws.Credentials{} },
	} {
		s, c := start(t)
		change(c)
		if _, _, err := c.Make(); err == nil {
			t.Errorf("%s: made", name)
		}
		if len(s.calls) > 0 {
			t.Errorf("%s: the service was asked", name)
		}
	}
}
