package dial

import (
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
)

// Verify verifies a server's certificates as IAM does for identity providers: a
// trusted authority is enough and, only where none vouches for them, a
// certificate of the chain that the server presents whose SHA-1 thumbprint is
// among those configured. The name and the dates count either way
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html).
// The error wraps ErrNotTrusted. It is for tls.Config.VerifyConnection.
func (t Trust) Verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return fmt.Errorf("%w: there is none", ErrNotTrusted)
	}
	err := verifyChain(state, t.Roots)
	if err == nil {
		return nil
	}
	pinned := x509.NewCertPool()
	for _, c := range state.PeerCertificates {
		if t.pins(c) {
			pinned.AddCert(c)
		}
	}
	if pinned.Equal(x509.NewCertPool()) {
		return fmt.Errorf("%w: %w", ErrNotTrusted, err)
	}
	if err := verifyChain(state, pinned); err != nil {
		return fmt.Errorf("%w: %w", ErrNotTrusted, err)
	}
	return nil
}

// pins tells whether a certificate has one of the thumbprints.
func (t Trust) pins(c *x509.Certificate) bool {
	sum := sha1.Sum(c.Raw)
	thumbprint := hex.EncodeToString(sum[:])
	for _, pinned := range t.Thumbprints {
		if strings.EqualFold(pinned, thumbprint) {
			return true
		}
	}
	return false
}

func verifyChain(state tls.ConnectionState, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName: state.ServerName, Roots: roots, Intermediates: between,
	})
	return err
}
