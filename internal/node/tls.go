package node

import (
	"crypto/tls"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

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
	if c.Domain == "" {
		return nil
	}
	if !domainName.MatchString(c.Domain) || len(c.Domain) > 200 || strings.HasSuffix(c.Domain, ".localhost") {
		return fmt.Errorf("--domain is a name of yours in lower case, such as example.org")
	}
	if c.TLSCert == "" && !c.Plaintext {
		return fmt.Errorf("the local CA vouches for no name of --domain %s: give --tls-cert and --tls-key", c.Domain)
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
	return config, nil
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
