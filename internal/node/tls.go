package node

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"cloister/internal/dial"
	"cloister/internal/gate/cert"
)

// getCertificate is tls.Config.GetCertificate.
type getCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

var domainName = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)

// checkTLS refuses names that no certificate could be for, and halves of pairs.
func (c *Config) checkTLS() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("--tls-cert and --tls-key go together: give both")
	}
	if err := c.checkACME(); err != nil {
		return err
	}
	if c.Domain == "" {
		return nil
	}
	if !domainName.MatchString(c.Domain) || len(c.Domain) > 200 || strings.HasSuffix(c.Domain, ".localhost") {
		return fmt.Errorf("--domain is a name of yours in lower case, such as example.org")
	}
	if c.TLSCert == "" && !c.ACME && !c.Plaintext {
		return fmt.Errorf("the local CA vouches for no name of --domain %s: give --tls-cert and --tls-key, or --acme", c.Domain)
	}
	return nil
}

func (c *Config) checkACME() error {
	u, err := url.Parse(c.ACMEDirectory)
	switch {
	case !c.ACME && (c.ACMEDirectory != "" || c.ACMECA != "" || c.ACMEEmail != ""):
		return fmt.Errorf("--acme-directory, --acme-ca and --acme-email say how to get certificates: add --acme")
	case !c.ACME:
		return nil
	case c.Domain == "" || c.Plaintext:
		return fmt.Errorf("--acme gets certificates for a domain: give --domain, and no --plaintext")
	case c.TLSCert != "":
		return fmt.Errorf("certificates come from --tls-cert or by --acme: leave one out")
	case c.ACMEDirectory != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil):
		return fmt.Errorf("--acme-directory is an https URL")
	case strings.ContainsAny(c.ACMEEmail, " ,\r\n"):
		return fmt.Errorf("--acme-email is one address")
	}
	return nil
}

// tlsConfig is nil for a node that serves plain HTTP. The CA is made in any
// case, so that env prints the same whichever way the node is started next.
func (n *Node) tlsConfig() (*tls.Config, error) {
	ca, err := openAuthority(n.config.Dir, n.keys, time.Now())
	if err != nil {
		return nil, fmt.Errorf("open the local CA: %w", err)
	}
	if n.config.Plaintext {
		return nil, nil
	}
	issuer := &leafIssuer{ca: ca}
	if _, err := issuer.get(nil); err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: issuer.get, NextProtos: []string{"h2", "http/1.1"}}
	if n.config.TLSCert != "" {
		files, err := cert.OpenFiles(n.config.TLSCert, n.config.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		n.certificate = files
		config.GetCertificate = localOr(issuer.get, files.GetCertificate)
	}
	if n.config.ACME {
		if err := n.useACME(config, issuer.get); err != nil {
			return nil, err
		}
	}
	return config, nil
}

// useACME has config show certificates that an authority gives, whose challenges
// come to the listener itself (TLS-ALPN-01, RFC 8737).
func (n *Node) useACME(config *tls.Config, local getCertificate) error {
	var roots *x509.CertPool
	if n.config.ACMECA != "" {
		text, err := os.ReadFile(n.config.ACMECA)
		if err != nil {
			return fmt.Errorf("--acme-ca: %w", err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return fmt.Errorf("--acme-ca: %s holds no certificate", n.config.ACMECA)
		}
	}
	manager := cert.NewACME(n.db, cert.Authority{
		Email: n.config.ACMEEmail, Known: n.gate.Knows, Client: &acme.Client{
			DirectoryURL: n.config.ACMEDirectory, UserAgent: "cloister",
			HTTPClient: dial.New(n.config.AllowOutgoing...).Client(roots),
		},
	})
	config.GetCertificate = localOr(local, manager.GetCertificate)
	config.NextProtos = append(config.NextProtos, acme.ALPNProto)
	return nil
}

// localOr shows the local CA's certificate to who asks for this machine's own
// names, or for none on loopback: the command line does.
func localOr(local, other getCertificate) getCertificate {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if isLocal(hello) {
			return local(hello)
		}
		return other(hello)
	}
}

func isLocal(hello *tls.ClientHelloInfo) bool {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if name != "" {
		return name == "localhost" || strings.HasSuffix(name, ".localhost")
	}
	at, ok := hello.Conn.LocalAddr().(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// leafIssuer issues the server's certificate anew before it runs out.
type leafIssuer struct {
	ca *authority

	mu    sync.Mutex
	leaf  *tls.Certificate
	until time.Time
}

func (i *leafIssuer) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	if i.leaf != nil && now.Before(i.until) {
		return i.leaf, nil
	}
	leaf, err := i.ca.leaf(now)
	if err != nil {
		return nil, err
	}
	i.leaf, i.until = leaf, now.AddDate(0, 0, leafDays/2)
	return leaf, nil
}
