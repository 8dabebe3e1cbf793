package node

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"cloister/internal/dial"
	"cloister/internal/outbox"
	"cloister/internal/seal"
)

// Config is what a node is started with.
type Config struct {
	Dir       string       // the data directory, made if need be
	Listen    string       // host:port; port 0 takes a free one
	Plaintext bool         // serve HTTP, on loopback only
	Custody   seal.Custody // of the root key; nil: a file in Dir
	Store     string       // empty: embedded in Dir; postgres://… : PostgreSQL
	Region    string       // empty: us-east-1
	// AcceptLostKeys starts a node whose wrapping keys are gone, and with them all
	// that is under the keys of KMS.
	AcceptLostKeys bool
	// AllowOutgoing is what the node connects to beside the public internet.
	AllowOutgoing []dial.Rule
	// PublicURL is where the node is reached from outside, which tokens of user
	// pools name as their issuer; empty: they name AWS's address.
	PublicURL string
	// SMTP is the mail server (outbox.ParseServer), its password in the variable
	// SMTP_PASSWORD; empty: mails stay in the outbox.
	SMTP string
	// Domain is the name below which APIs, URLs and sign-in pages are reached
	// beside localhost; it takes certificates of its own.
	Domain string
	// TLSCert and TLSKey are PEM files, which are read anew when they change.
	TLSCert, TLSKey string
	// ACME gets certificates for Domain, the names below it and users' own domains
	// from ACMEDirectory (empty: Let's Encrypt), whose authority is in ACMECA (a PEM
	// file; empty: the system's). ACMEEmail may be empty.
	ACME                             bool
	ACMEDirectory, ACMECA, ACMEEmail string
	// ClientRate is how many requests a second one address, or IPv6 network, may
	// send on average; 0 is no limit. Loopback has none.
	ClientRate int
	Getenv     func(string) string
}

// DefaultListen is where a node listens if not told otherwise.
const DefaultListen = "127.0.0.1:4566"

// DefaultClientRate is how many requests a second one client may send.
const DefaultClientRate = 1000

// DefaultRegion is the region of a node that is not told one.
const DefaultRegion = "us-east-1"

// check refuses what would be unsafe.
func (c *Config) check() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("the address %q is not HOST:PORT: %w", c.Listen, err)
	}
	if c.Plaintext && !isLoopback(host) {
		return fmt.Errorf("--plaintext is allowed on loopback only, and %s is not: leave out --plaintext, or listen on 127.0.0.1", c.Listen)
	}
	if c.Store != "" && !isPostgres(c.Store) {
		return fmt.Errorf("the store is not a postgres:// URL: leave out --store for the embedded engine")
	}
	if u, err := url.Parse(c.Store); err == nil && hasPassword(u) {
		return fmt.Errorf("a password in --store shows in the list of processes: leave it out and set PGPASSWORD or PGPASSFILE")
	}
	if c.SMTP != "" {
		if _, err := outbox.ParseServer(c.SMTP); err != nil {
			return fmt.Errorf("--smtp: %w", err)
		}
	}
	if c.ClientRate < 0 {
		return fmt.Errorf("--client-rate is a number of requests, or 0 for no limit")
	}
	if err := c.checkTLS(); err != nil {
		return err
	}
	return checkPublicURL(c.PublicURL)
}

func hasPassword(u *url.URL) bool {
	_, inUser := u.User.Password()
	return inUser || u.Query().Has("password")
}

func isPostgres(store string) bool {
	return strings.HasPrefix(store, "postgres://") || strings.HasPrefix(store, "postgresql://")
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
