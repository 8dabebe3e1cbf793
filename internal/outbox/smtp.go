package outbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/url"
	"strings"
	"time"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// Server is a mail server that takes the platform's mails, by TLS in any case.
type Server struct {
	Address  string // host:port
	Implicit bool   // TLS from the first byte (smtps) rather than by STARTTLS
	User     string // "" to send without signing in
	Password seal.Secret
	From     string
	Roots    *x509.CertPool // nil for those of the system
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// ParseServer reads smtps://[USER@]HOST[:PORT]?from=ADDRESS, or smtp://… for
// STARTTLS. A password is not part of it.
func ParseServer(text string) (*Server, error) {
	bad := errors.New("a mail server is smtps://[USER@]HOST[:PORT]?from=ADDRESS, or smtp://… for STARTTLS; the password is in SMTP_PASSWORD")
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.Fragment != "" {
		return nil, bad
	}
	if _, given := u.User.Password(); given {
		return nil, bad
	}
	s := &Server{User: u.User.Username(), From: u.Query().Get("from")}
	port := u.Port()
	switch u.Scheme {
	case "smtps":
		s.Implicit = true
		if port == "" {
			port = "465"
		}
	case "smtp":
		if port == "" {
			port = "587"
		}
	default:
		return nil, bad
	}
	if a, err := mail.ParseAddress(s.From); err != nil || a.Address != s.From {
		return nil, bad
	}
	s.Address = net.JoinHostPort(u.Hostname(), port)
	return s, nil
}

const (
	sendTime  = 30 * time.Second
	attempts  = 12
	firstWait = 5 * time.Second
	longWait  = time.Hour
	pollEvery = time.Second
	sendBatch = 20
)

// Send has mails handed to the server until ctx ends. A mail that the server took
// leaves the outbox; one that it did not take is tried again, longer and longer
// apart, and stays. A node that stops between the two sends a mail twice.
func (s *Server) Send(ctx context.Context, db *store.DB) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.sendDue(ctx, db, time.Now()); err != nil && ctx.Err() == nil {
				slog.Warn("mails in the outbox could not be looked at", "error", err)
			}
		}
	}
}

func (s *Server) sendDue(ctx context.Context, db *store.DB, now time.Time) error {
	var due []*Message
	err := db.View(ctx, func(r store.Reader) error {
		for item, err := range messages.ScanIndex(r, "due", nil, nil) {
			if err != nil {
				return err
			}
			if item.Value.Due.After(now) || len(due) == sendBatch {
				return nil
			}
			if item.Value.Channel == Email && item.Value.Attempts < attempts {
				due = append(due, item.Value)
			}
		}
		return nil
	})
	for _, m := range due {
		sent := s.sendOne(ctx, m)
		if sent != nil {
			slog.Warn("a mail could not be sent", "id", m.ID, "attempt", m.Attempts+1, "error", sent)
		}
		err = errors.Join(err, db.Update(ctx, func(tx *store.Tx) error {
			stored, err := messages.Get(tx, m.key())
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			if sent == nil {
				return messages.Delete(tx, m.key())
			}
			stored.Attempts++
			stored.Due = now.Add(min(firstWait<<min(stored.Attempts, 20), longWait))
			return messages.Put(tx, stored.key(), stored)
		}))
	}
	return err
}

// errServer is what is said of a server's refusal: not what it said, which may
// repeat the mail.
var errServer = errors.New("the mail server did not take it")

func (s *Server) sendOne(ctx context.Context, m *Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return err
	}
	conn, err := s.Dial(ctx, "tcp", s.Address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, RootCAs: s.Roots}
	if s.Implicit {
		conn = tls.Client(conn, config)
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return fmt.Errorf("%w: it does not greet, or its certificate is not trusted", errServer)
	}
	if !s.Implicit {
		if err := client.StartTLS(config); err != nil {
			return fmt.Errorf("%w: it has no TLS, or its certificate is not trusted", errServer)
		}
	}
	return s.deliver(client, host, m)
}

func (s *Server) deliver(client *smtp.Client, host string, m *Message) error {
	if s.User != "" {
		if err := client.Auth(smtp.PlainAuth("", s.User, string(s.Password.Reveal()), host)); err != nil {
			return fmt.Errorf("%w: it does not let the node sign in", errServer)
		}
	}
	text, err := s.compose(m)
	if err != nil {
		return err
	}
	if client.Mail(s.From) != nil || client.Rcpt(m.To) != nil {
		return errServer
	}
	w, err := client.Data()
	if err != nil {
		return errServer
	}
	if _, err := w.Write(text); err != nil {
		return errServer
	}
	if w.Close() != nil {
		return errServer
	}
	_ = client.Quit()
	return nil
}

// compose writes a mail (RFC 5322). What a user set is in no header but To and
// Subject, and there encoded.
func (s *Server) compose(m *Message) ([]byte, error) {
	to, err := mail.ParseAddress(m.To)
	if err != nil || strings.ContainsAny(m.To, "\r\n") {
		return nil, errors.New("a message is for no address")
	}
	kind := "text/plain"
	if m.HTML {
		kind = "text/html"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@cloister>\r\nMIME-Version: 1.0\r\nContent-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
		(&mail.Address{Address: s.From}).String(), (&mail.Address{Address: to.Address}).String(), mime.QEncoding.Encode("utf-8", m.Subject),
		m.Created.Format(time.RFC1123Z), m.ID, kind)
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(m.Body)); err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}
