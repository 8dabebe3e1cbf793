package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/dial"
)

// authorityServer is a small authority that speaks ACME (RFC 8555) to one
// account, with one order at a time, and validates by TLS-ALPN-01 (RFC 8737).
type authorityServer struct {
	*httptest.Server
	t        *testing.T
	validate string // the address of the node
	key      *ecdsa.PrivateKey
	root     *x509.Certificate

	mu         sync.Mutex
	thumbprint string
	host       string
	status     string // of the order
	chain      []byte
	orders     []string // the names that were asked for
}

func newAuthorityServer(t *testing.T) *authorityServer {
	t.Helper()
	s := &authorityServer{t: t}
	var err error
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	if s.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *authorityServer) caFile() string {
	path := filepath.Join(s.t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// message is a signed request's parts; this server believes its signature.
type message struct {
	header struct {
		JWK struct{ Crv, Kty, X, Y string }
	}
	payload struct {
		Identifiers []struct{ Type, Value string }
		CSR         string
	}
}

func readMessage(r *http.Request) (m message) {
	var outer struct{ Protected, Payload string }
	if json.NewDecoder(r.Body).Decode(&outer) != nil {
		return m
	}
	for text, into := range map[string]any{outer.Protected: &m.header, outer.Payload: &m.payload} {
		if raw, err := base64.RawURLEncoding.DecodeString(text); err == nil {
			_ = json.Unmarshal(raw, into)
		}
	}
	return m
}

func (s *authorityServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Replay-Nonce", "nonce")
	m := readMessage(r)
	say := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	at := func(path string) string { return s.URL + path }
	switch r.URL.Path {
	case "/dir":
		say(200, map[string]string{"newNonce": at("/nonce"), "newAccount": at("/account"), "newOrder": at("/order"), "revokeCert": at("/none"), "keyChange": at("/none")})
	case "/nonce":
	case "/account":
		k := m.header.JWK
		sum := sha256.Sum256([]byte(`{"crv":"` + k.Crv + `","kty":"` + k.Kty + `","x":"` + k.X + `","y":"` + k.Y + `"}`))
		s.thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
		w.Header().Set("Location", at("/account/1"))
		say(201, map[string]string{"status": "valid"})
	case "/order":
		s.host, s.status = m.payload.Identifiers[0].Value, "pending"
		s.orders = append(s.orders, s.host)
		w.Header().Set("Location", at("/order/1"))
		say(201, s.order())
	case "/order/1":
		w.Header().Set("Location", at("/order/1"))
		say(200, s.order())
	case "/authz":
		status := map[bool]string{true: "pending", false: "valid"}[s.status == "pending"]
		say(200, map[string]any{"status": status, "identifier": map[string]string{"type": "dns", "value": s.host}, "challenges": []any{s.challenge(status)}})
	case "/challenge":
		if err := s.check(); err != nil {
			s.t.Errorf("the challenge: %v", err)
		} else {
			s.status = "ready"
		}
		say(200, s.challenge("processing"))
	case "/finalize":
		s.issue(m.payload.CSR)
		w.Header().Set("Location", at("/order/1"))
		say(200, s.order())
	case "/certificate":
		_, _ = w.Write(s.chain)
	default:
		http.NotFound(w, r)
	}
}

func (s *authorityServer) order() map[string]any {
	return map[string]any{
		"status": s.status, "identifiers": []any{map[string]string{"type": "dns", "value": s.host}},
		"authorizations": []string{s.URL + "/authz"}, "finalize": s.URL + "/finalize", "certificate": s.URL + "/certificate",
	}
}

const token = "dG9rZW4"

func (s *authorityServer) challenge(status string) map[string]string {
	return map[string]string{"type": "tls-alpn-01", "url": s.URL + "/challenge", "token": token, "status": status}
}

// check connects to the node as RFC 8737 has an authority do.
func (s *authorityServer) check() error {
	conn, err := tls.Dial("tcp", s.validate, &tls.Config{ServerName: s.host, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer conn.Close()
	sum := sha256.Sum256([]byte(token + "." + s.thumbprint))
	want, err := asn1.Marshal(sum[:])
	if err != nil {
		return err
	}
	for _, x := range conn.ConnectionState().PeerCertificates[0].Extensions {
		if x.Id.String() == "1.3.6.1.5.5.7.1.31" && x.Critical && string(x.Value) == string(want) {
			return nil
		}
	}
	return fmt.Errorf("no proof of the account in the certificate")
}

func (s *authorityServer) issue(csr string) {
	der, err := base64.RawURLEncoding.DecodeString(csr)
	if err != nil {
		s.t.Error(err)
		return
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil || s.status != "ready" {
		s.t.Errorf("finalized while %s: %v", s.status, err)
		return
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: request.DNSNames, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(90 * 24 * time.Hour)}
	leaf, err := x509.CreateCertificate(rand.Reader, template, s.root, request.PublicKey, s.key)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf})
	s.chain = append(s.chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.root.Raw})...)
	s.status = "valid"
}

// A node gets certificates for the names that it has, for no others, and keeps
// them.
func TestACME(t *testing.T) {
	authority := newAuthorityServer(t)
	allow, err := dial.ParseRule(strings.TrimPrefix(authority.URL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Dir: t.TempDir(), Domain: "example.org", ACME: true, ACMEDirectory: authority.URL + "/dir", ACMECA: authority.caFile(),
		ACMEEmail: "ops@example.org", AllowOutgoing: []dial.Rule{allow},
	}
	n := startNode(t, config)
	authority.mu.Lock()
	authority.validate = n.listener.Addr().String()
	authority.mu.Unlock()
	roots := x509.NewCertPool()
	roots.AddCert(authority.root)
	greet := func(n *Node, name string) error {
		conn, err := tls.Dial("tcp", n.listener.Addr().String(), &tls.Config{ServerName: name, RootCAs: roots, NextProtos: []string{"h2"}})
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	if err := greet(n, "example.org"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"other.example.org", "nobody.lambda-url.example.org", "nobody.execute-api.example.org", "nobody.auth.example.org", "a.b.lambda-url.example.org", "evil.example", "notexample.org"} {
		if err := greet(n, name); err == nil {
			t.Errorf("there is a certificate for %s", name)
		}
	}
	authority.mu.Lock()
	if got := fmt.Sprint(authority.orders); got != "[example.org]" {
		t.Errorf("certificates were asked for %s", got)
	}
	authority.mu.Unlock()
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	authority.Close()
	again := startNode(t, config)
	if err := greet(again, "example.org"); err != nil {
		t.Errorf("after a new start: %v", err)
	}
}
