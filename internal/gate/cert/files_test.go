package cert_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloister/internal/gate/cert"
)

// pair writes a certificate for a name and its key.
func pair(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func shown(t *testing.T, f *cert.Files) string {
	t.Helper()
	c, err := f.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.DNSNames[0]
}

func TestFilesAreReadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		f, err := cert.OpenFiles(pair(t, dir, "one.example"))
		if err != nil {
			t.Fatal(err)
		}
		_, keyFile := pair(t, dir, "another.example")
		if err := os.Chtimes(keyFile, time.Now(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := shown(t, f); got != "one.example" {
			t.Errorf("looked at within the second: %s", got)
		}
		time.Sleep(time.Second)
		if got := shown(t, f); got != "another.example" {
			t.Errorf("after a change %s is shown", got)
		}
		if err := os.WriteFile(keyFile, []byte("half a ke"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := shown(t, f); got != "another.example" {
			t.Errorf("while a file is damaged %s is shown", got)
		}
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := shown(t, f); got != "another.example" {
			t.Errorf("without the file %s is shown", got)
		}
	})
}

func TestFilesThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := pair(t, dir, "one.example")
	if err := os.Chmod(keyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := cert.OpenFiles(certFile, keyFile); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("a key that everyone can read: %v", err)
	}
	if err := os.Chmod(keyFile, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cert.OpenFiles(certFile, certFile+".none"); err == nil {
		t.Error("a key that is not there")
	}
	otherCert, _ := pair(t, t.TempDir(), "two.example")
	if _, err := cert.OpenFiles(otherCert, keyFile); err == nil || strings.Contains(err.Error(), "BEGIN") {
		t.Errorf("another's key: %v", err)
	}
}
