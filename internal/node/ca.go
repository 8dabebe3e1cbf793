package node

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"cloister/internal/seal"
)

const (
	caFile    = "ca.pem"        // the certificate that users trust
	caKeyFile = "ca-key.sealed" // its key, sealed
	caYears   = 10
	leafDays  = 90
)

// authority is the node's local CA. Users add its certificate to what they
// trust, so it is name-constrained (RFC 5280, 4.2.1.10): whoever steals its key
// can impersonate nothing but names of this machine.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// localNames and localNetworks are all that the CA may ever vouch for.
var localNames = []string{"localhost"}

var localNetworks = []*net.IPNet{
	{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
	{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
}

// openAuthority loads the CA in dir, or makes it at the first start.
func openAuthority(dir string, keys *seal.Keyring, now time.Time) (*authority, error) {
	sealed, err := os.ReadFile(filepath.Join(dir, caKeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return makeAuthority(dir, keys, now)
	}
	if err != nil {
		return nil, err
	}
	der, err := keys.Open("tls", []byte(caKeyFile), sealed)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", caKeyFile, err)
	}
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("read the CA's key: %w", err)
	}
	cert, err := readCertificate(filepath.Join(dir, caFile))
	if err != nil {
		return nil, fmt.Errorf("%w; to make a new CA remove %s and %s, then give clients the new %s", err, caFile, caKeyFile, caFile)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%s is not the certificate of %s; remove both to make a new CA", caFile, caKeyFile)
	}
	return &authority{cert, key}, nil
}

func readCertificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return x509.ParseCertificate(block.Bytes)
}

func makeAuthority(dir string, keys *seal.Keyring, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:                serial(),
		Subject:                     pkix.Name{CommonName: "Cloister local CA"},
		NotBefore:                   now.Add(-time.Hour),
		NotAfter:                    now.AddDate(caYears, 0, 0),
		KeyUsage:                    x509.KeyUsageCertSign,
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         localNames,
		PermittedIPRanges:           localNetworks,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if err := keepAuthority(dir, keys, key, der); err != nil {
		return nil, fmt.Errorf("keep the local CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key}, err
}

// keepAuthority writes the certificate first: a key without its certificate is
// an error at the next start, a certificate without its key is made anew.
func keepAuthority(dir string, keys *seal.Keyring, key *ecdsa.PrivateKey, cert []byte) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	if err := writeFile(filepath.Join(dir, caFile), text, 0o644); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, caKeyFile), keys.Seal("tls", []byte(caKeyFile), der), 0o600)
}

// leaf issues a server certificate for this machine's own names.
func (a *authority) leaf(now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(0, 0, leafDays),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost", "*.localhost", "*.execute-api.localhost", "*.lambda-url.localhost", "*.auth.localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}, nil
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand does not fail on supported systems
	}
	return n
}
