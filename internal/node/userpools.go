package node

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"cloister/internal/dial"
	"cloister/internal/outbox"
	"cloister/internal/seal"
	"cloister/internal/service/cognitoidp"
	reading "cloister/internal/service/outbox"
)

// startUserPools puts user pools behind the door and the pages of their domains
// behind the gate.
func (n *Node) startUserPools(dialer *dial.Dialer) *cognitoidp.Service {
	s := cognitoidp.New(cognitoidp.Options{DB: n.db, Keys: n.keys, PublicURL: n.config.PublicURL, Fetch: dialer.Fetch, Post: dialer.Post})
	s.Register(n.door)
	front := s.Front()
	n.gate.Handle("auth", front)
	n.gate.Handle("cognito", front)
	n.gate.Handle("cognito-idp", front.Documents())
	n.gate.HandleDomains(front)
	return s
}

// startOutbox lets administrators read the outbox, and sends its mails where
// there is a server for them.
func (n *Node) startOutbox(dialer *dial.Dialer) error {
	reading.Register(n.door)
	if n.config.SMTP == "" {
		return nil
	}
	server, err := outbox.ParseServer(n.config.SMTP)
	if err != nil {
		return err
	}
	server.Dial = dialer.DialContext
	if n.config.Getenv != nil {
		server.Password = seal.NewSecret([]byte(n.config.Getenv("SMTP_PASSWORD")))
	}
	n.inBackground(func(ctx context.Context) { server.Send(ctx, n.db) })
	return nil
}

// checkPublicURL refuses an address that cannot be the beginning of others.
func checkPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(text, "/") ||
		u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return fmt.Errorf("--public-url is the https address at which the node is reached from outside, without a slash at its end: https://id.example.com")
	}
	return nil
}
