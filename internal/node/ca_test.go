package node

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The CA vouches for this machine's names and can vouch for no others, and is
// the same at the next start.
func TestTheLocalCAVouchesForLocalNamesOnly(t *testing.T) {
	dir := t.TempDir()
	keys := testKeys(t, dir)
	now := time.Now()
	ca, err := openAuthority(dir, keys, now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := openAuthority(dir, keys, now)
	if err != nil || !again.cert.Equal(ca.cert) {
		t.Fatalf("another CA at the second start (%v)", err)
	}
	leaf, err := again.leaf(now)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(leaf.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	for name, good := range map[string]bool{"localhost": true, "127.0.0.1": true, "x.localhost": true, "example.com": false} {
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now})
		if (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	foreign := *cert
	foreign.DNSNames, foreign.IPAddresses = []string{"example.com"}, []net.IP{net.IPv4(8, 8, 8, 8)}
	der, err := x509.CreateCertificate(nil, &foreign, ca.cert, cert.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := forged.Verify(x509.VerifyOptions{Roots: roots, DNSName: "example.com", CurrentTime: now}); err == nil {
		t.Error("the CA could vouch for example.com")
	}
}

func TestTheCAsKeyIsSealed(t *testing.T) {
	dir := t.TempDir()
	if _, err := openAuthority(dir, testKeys(t, dir), time.Now()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, caKeyFile)
	sealed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParseECPrivateKey(sealed); err == nil || strings.Contains(string(sealed), "PRIVATE") {
		t.Error("the key lies in the clear")
	}
	sealed[len(sealed)/2] ^= 1
	if err := os.WriteFile(path, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openAuthority(dir, testKeys(t, dir), time.Now()); err == nil {
		t.Error("a changed key was taken")
	}
}
