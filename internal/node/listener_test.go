package node

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startNode starts a node on a directory of its own.
func startNode(t *testing.T, config Config) *Node {
	t.Helper()
	config.Listen, config.Getenv = "127.0.0.1:0", func(string) string { return "" }
	if config.Dir == "" {
		config.Dir = t.TempDir()
	}
	n, err := Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// statuses sends bytes and gives the statuses of all answers until the node ends
// the connection or has nothing more to say.
func statuses(t *testing.T, n *Node, request string) (all []int, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", n.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(from, nil)
		if err != nil {
			return all, err == io.EOF || err == io.ErrUnexpectedEOF
		}
		all = append(all, res.StatusCode)
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return all, true
		}
	}
}

// TestAmbiguousRequests sends what two servers in a row could read differently.
// A request that is refused, or that could be longer or shorter than it seems, is
// the last one of its connection: 403 is the door's answer to who has not signed.
func TestAmbiguousRequests(t *testing.T) {
	n := startNode(t, Config{Plaintext: true})
	const (
		head  = "POST / HTTP/1.1\r\nHost: localhost\r\n"
		inner = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
	)
	for name, c := range map[string]struct {
		request string
		want    string
	}{
		"length and encoding":       {head + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner, "[403] closed"},
		"encoding, and more of it":  {head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner, "[403] closed"},
		"encoding over two lines":   {head + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + inner, "[403] closed"},
		"an encoding of no name":    {head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner, "[501] closed"},
		"an encoding with a tab":    {head + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + inner, "[400] closed"},
		"two encodings":             {head + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + inner, "[501] closed"},
		"an encoding twice":         {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner, "[501] closed"},
		"HTTP/1.0 with an encoding": {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner, "[403] closed"},
		"two lengths":               {head + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + inner, "[400] closed"},
		"a list of lengths":         {head + "Content-Length: 0, 44\r\n\r\n" + inner, "[400] closed"},
		"a signed length":           {head + "Content-Length: +0\r\n\r\n" + inner, "[400] closed"},
		"a space before the colon":  {head + "Content-Length : 0\r\n\r\n" + inner, "[400] closed"},
		"a length in hexadecimal":   {head + "Content-Length: 0x0\r\n\r\n" + inner, "[400] closed"},
		"a negative chunk":          {head + "Transfer-Encoding: chunked\r\n\r\n-1\r\nxx\r\n0\r\n\r\n" + inner, "[403] closed"},
		"a chunk that overflows":    {head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nxx\r\n0\r\n\r\n" + inner, "[403] closed"},
		"a chunk that ends by LF":   {head + "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n" + inner, "[403] closed"},
		"a length as a trailer":     {head + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\nContent-Length: 5\r\n\r\n" + inner, "[400] closed"},
		"a CR alone":                {head + "X-A: b\rContent-Length: 44\r\n\r\n" + inner, "[400] closed"},
		"a NUL":                     {head + "X-A: b\x00c\r\n\r\n" + inner, "[400] closed"},
		"a line without a colon":    {head + "Bad\r\n\r\n" + inner, "[400] closed"},
		"a header without a name":   {head + ": a\r\n\r\n" + inner, "[400] closed"},
		"no host":                   {"GET / HTTP/1.1\r\n\r\n" + inner, "[400] closed"},
		"two hosts":                 {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + inner, "[400] closed"},
		"a host with a space":       {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n" + inner, "[400] closed"},
		"a space in the path":       {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" + inner, "[400] closed"},
		"a version of no name":      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n" + inner, "[505] closed"},
		"an expectation of no name": {head + "Expect: 200-maybe\r\nContent-Length: 1\r\n\r\na" + inner, "[417] closed"},
		"a huge header":             {head + "X-A: " + strings.Repeat("a", 100<<10) + "\r\n\r\n" + inner, "[431] closed"},
		"many headers":              {head + strings.Repeat("A: b\r\n", 20000) + "\r\n" + inner, "[431] closed"},
		"a huge path":               {"GET /" + strings.Repeat("a", 100<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n" + inner, "[431] closed"},
		"a body announced as huge":  {head + "Content-Length: 99999999999\r\n\r\n" + inner, "[403] closed"},
		"two plain requests":        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + inner, "[403 403]"},
	} {
		t.Run(name, func(t *testing.T) {
			all, closed := statuses(t, n, c.request)
			got := fmt.Sprint(all)
			if closed {
				got += " closed"
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// pemPair writes a certificate for names, which signs itself, and its key.
func pemPair(t *testing.T, names ...string) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	roots = x509.NewCertPool()
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		text := pem.EncodeToMemory(block)
		roots.AppendCertsFromPEM(text)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, roots
}

func TestTLS(t *testing.T) {
	certFile, keyFile, roots := pemPair(t, "example.org", "*.execute-api.example.org")
	n := startNode(t, Config{Domain: "example.org", TLSCert: certFile, TLSKey: keyFile})
	ca, err := os.ReadFile(CAFile(n.config.Dir))
	if err != nil {
		t.Fatal(err)
	}
	local := x509.NewCertPool()
	local.AppendCertsFromPEM(ca)
	address := n.listener.Addr().String()
	for _, c := range []struct {
		what   string
		config *tls.Config
		good   bool
	}{
		{"the domain", &tls.Config{ServerName: "example.org", RootCAs: roots}, true},
		{"a name of the domain", &tls.Config{ServerName: "a.execute-api.example.org", RootCAs: roots}, true},
		{"localhost", &tls.Config{ServerName: "a.execute-api.localhost", RootCAs: local}, true},
		{"an address", &tls.Config{ServerName: "127.0.0.1", RootCAs: local}, true},
		{"TLS 1.2", &tls.Config{ServerName: "localhost", RootCAs: local, MaxVersion: tls.VersionTLS12}, true},
		{"TLS 1.1", &tls.Config{ServerName: "localhost", RootCAs: local, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"the domain, by the local CA", &tls.Config{ServerName: "example.org", RootCAs: local}, false},
	} {
		c.config.NextProtos = []string{"h2"}
		conn, err := tls.Dial("tcp", address, c.config)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", c.what, err)
		}
		if err != nil {
			continue
		}
		state := conn.ConnectionState()
		if state.NegotiatedProtocol != "h2" || c.config.MaxVersion == 0 && state.Version != tls.VersionTLS13 {
			t.Errorf("%s: %s by %x", c.what, state.NegotiatedProtocol, state.Version)
		}
		_ = conn.Close()
	}
	if got := n.nameURL("execute-api", "a"); !strings.HasPrefix(got, "https://a.execute-api.example.org:") {
		t.Error(got)
	}
	for name, taken := range map[string]bool{"example.org": true, "api.example.org": true, "org": true, "notexample.org": false} {
		if n.isOwnName(name) != taken {
			t.Errorf("a user may claim %s: %v", name, taken)
		}
	}
}

// A node that was told nothing of how it is reached goes by its certificate.
func TestNobodyClaimsANameOfTheNode(t *testing.T) {
	certFile, keyFile, _ := pemPair(t, "Node.corp.example", "other.example", "*.apps.example")
	for _, c := range []struct {
		config Config
		taken  map[string]bool
	}{
		{Config{}, map[string]bool{"node.corp.example": true, "corp.example": true, "other.example": true, "shop.apps.example": false, "apps.example": false}},
		{Config{PublicURL: "https://node.corp.example"}, map[string]bool{"node.corp.example": true, "other.example": false}},
	} {
		c.config.TLSCert, c.config.TLSKey = certFile, keyFile
		n := startNode(t, c.config)
		for name, taken := range c.taken {
			if n.isOwnName(name) != taken {
				t.Errorf("with --public-url %q a user may claim %s: %v", c.config.PublicURL, name, taken)
			}
		}
	}
}

func TestTLSSettingsThatAreRefused(t *testing.T) {
	for what, c := range map[string]Config{
		"half a pair":           {TLSCert: "a"},
		"no certificate":        {Domain: "example.org"},
		"an address":            {Domain: "127.0.0.1", TLSCert: "a", TLSKey: "b"},
		"a path":                {Domain: "../example.org", TLSCert: "a", TLSKey: "b"},
		"no name":               {Domain: "example", TLSCert: "a", TLSKey: "b"},
		"a name of localhost's": {Domain: "a.localhost", TLSCert: "a", TLSKey: "b"},
	} {
		c.Listen = DefaultListen
		if err := c.check(); err == nil || strings.Contains(err.Error(), "HOST:PORT") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
