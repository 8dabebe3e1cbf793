package dial

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// server serves HTTPS on loopback with a certificate of a CA of its own.
func server(t *testing.T, names []string, handler http.HandlerFunc) (s *httptest.Server, chain []*x509.Certificate) {
	t.Helper()
	ca, caKey := certificate(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	leaf, key := certificate(t, &x509.Certificate{DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, ca, caKey)
	s = httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw, ca.Raw}, PrivateKey: key}}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, []*x509.Certificate{leaf, ca}
}

func certificate(t *testing.T, c, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "test"}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func thumbprint(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw)
	return hex.EncodeToString(sum[:])
}

func roots(c ...*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, one := range c {
		pool.AddCert(one)
	}
	return pool
}

func local(t *testing.T, s *httptest.Server) *Dialer {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return New(rules(t, u.Host, "localhost:"+u.Port())...)
}

// A trusted authority is enough; where none vouches, a thumbprint of a
// certificate of the presented chain is, and the name counts in both cases.
func TestWhomAFetchTrusts(t *testing.T) {
	s, chain := server(t, []string{"localhost"}, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	other, _ := certificate(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true}, nil, nil)
	byName := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	none := x509.NewCertPool()
	d := local(t, s)
	for what, c := range map[string]struct {
		url   string
		trust Trust
		good  bool
	}{
		"a trusted authority":           {byName, Trust{Roots: roots(chain[1])}, true},
		"and a wrong thumbprint":        {byName, Trust{Roots: roots(chain[1]), Thumbprints: []string{thumbprint(other)}}, true},
		"nobody":                        {byName, Trust{Roots: none}, false},
		"the system's authorities":      {byName, Trust{}, false},
		"the authority's thumbprint":    {byName, Trust{Roots: none, Thumbprints: []string{strings.ToUpper(thumbprint(chain[1]))}}, true},
		"the certificate's thumbprint":  {byName, Trust{Roots: none, Thumbprints: []string{thumbprint(other), thumbprint(chain[0])}}, true},
		"another thumbprint":            {byName, Trust{Roots: none, Thumbprints: []string{thumbprint(other)}}, false},
		"an address in the certificate": {s.URL, Trust{Roots: roots(chain[1])}, true},
	} {
		body, err := d.Fetch(t.Context(), c.url, c.trust, 100)
		if c.good && (err != nil || string(body) != "ok") || !c.good && !errors.Is(err, ErrNotTrusted) {
			t.Errorf("%s: %q %v", what, body, err)
		}
	}
	wrong, chain := server(t, []string{"other.example"}, func(http.ResponseWriter, *http.Request) {})
	byName = strings.Replace(wrong.URL, "127.0.0.1", "localhost", 1)
	for _, trust := range []Trust{{Roots: roots(chain[1])}, {Roots: none, Thumbprints: []string{thumbprint(chain[0]), thumbprint(chain[1])}}} {
		if _, err := local(t, wrong).Fetch(t.Context(), byName, trust, 100); !errors.Is(err, ErrNotTrusted) {
			t.Errorf("another's name: %v", err)
		}
	}
}

func TestFetchIsBounded(t *testing.T) {
	asked := 0
	s, chain := server(t, []string{"localhost"}, func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/error":
			w.WriteHeader(http.StatusTeapot)
		case "/header":
			w.Header().Set("X", strings.Repeat("x", mostHeader))
		case "/slow":
			<-r.Context().Done()
		default:
			_, _ = w.Write([]byte(strings.Repeat("x", 100)))
		}
	})
	d, trust := local(t, s), Trust{Roots: roots(chain[1])}
	if body, err := d.Fetch(t.Context(), s.URL, trust, 100); err != nil || len(body) != 100 {
		t.Errorf("%d bytes: %v", len(body), err)
	}
	if _, err := d.Fetch(t.Context(), s.URL, trust, 99); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a byte too many: %v", err)
	}
	asked = 0
	var status *StatusError
	if _, err := d.Fetch(t.Context(), s.URL+"/redirect", trust, 100); !errors.As(err, &status) || status.Code != 302 || asked != 1 {
		t.Errorf("a redirect: %v after %d requests", err, asked)
	}
	if _, err := d.Fetch(t.Context(), s.URL+"/error", trust, 100); !errors.As(err, &status) || status.Code != 418 {
		t.Errorf("an error: %v", err)
	}
	if _, err := d.Fetch(t.Context(), s.URL+"/header", trust, 100); err == nil {
		t.Error("an endless header is read")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Fetch(ctx, s.URL+"/slow", trust, 100); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a slow server: %v", err)
	}
	for _, bad := range []string{strings.Replace(s.URL, "https", "http", 1), "https://", "file:///etc/passwd", "https://u:p@localhost/", s.URL + "/#x", "%"} {
		if _, err := d.Fetch(t.Context(), bad, trust, 100); err == nil {
			t.Errorf("%s is fetched", bad)
		}
	}
}

// A server that speaks no more than TLS 1.1 is not spoken to.
func TestOldTLSIsRefused(t *testing.T) {
	s, chain := server(t, []string{"localhost"}, func(http.ResponseWriter, *http.Request) {})
	s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := local(t, s).Fetch(t.Context(), s.URL, Trust{Roots: roots(chain[1])}, 100); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// The environment's proxy is not asked: what is dialled is the address itself.
func TestNoProxyIsTaken(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("https_proxy", "http://127.0.0.1:1")
	s, chain := server(t, []string{"localhost"}, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	if _, err := local(t, s).Fetch(t.Context(), s.URL, Trust{Roots: roots(chain[1])}, 100); err != nil {
		t.Error(err)
	}
}

// What is refused is refused below HTTP too, whatever the URL looks like.
func TestFetchGoesThroughTheDialer(t *testing.T) {
	s, chain := server(t, []string{"localhost"}, func(http.ResponseWriter, *http.Request) { t.Error("was asked") })
	d := New()
	for _, address := range []string{s.URL, strings.Replace(s.URL, "127.0.0.1", "localhost", 1), strings.Replace(s.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		if _, err := d.Fetch(t.Context(), address, Trust{Roots: roots(chain[1])}, 100); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestPost(t *testing.T) {
	s, chain := server(t, []string{"localhost"}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.PostFormValue("a"))
	})
	d := local(t, s)
	trust := Trust{Roots: roots(chain[1])}
	if text, err := d.Post(t.Context(), s.URL, url.Values{"a": {"b & c"}}, trust, 100); err != nil || string(text) != "POST b & c" {
		t.Errorf("%q %v", text, err)
	}
	if _, err := d.Post(t.Context(), strings.Replace(s.URL, "https", "http", 1), nil, trust, 100); err == nil {
		t.Error("a form is sent in clear text")
	}
	if _, err := d.Post(t.Context(), s.URL, nil, Trust{Roots: x509.NewCertPool()}, 100); !errors.Is(err, ErrNotTrusted) {
		t.Errorf("a form is sent to whom nobody vouches for: %v", err)
	}
}
