package outbox

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/internal/store/pebbleengine"
)

// mailServer is one that takes mails, or refuses them.
type mailServer struct {
	mu       sync.Mutex
	refuses  bool
	received []string
	server   *Server
}

func newMailServer(t *testing.T, implicit bool) *mailServer {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(web.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	m := &mailServer{}
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	m.server = &Server{
		Address: l.Addr().String(), Implicit: implicit, User: "u", Password: seal.NewSecret([]byte("p")), From: "node@example.com", Roots: roots,
		Dial: (&net.Dialer{}).DialContext,
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(conn, web.TLS, implicit)
		}
	}()
	return m
}

func (m *mailServer) serve(conn net.Conn, config *tls.Config, implicit bool) {
	defer func() { _ = conn.Close() }()
	if implicit {
		conn = tls.Server(conn, config)
	}
	in := bufio.NewReader(conn)
	say := func(text string) { fmt.Fprint(conn, text+"\r\n") }
	say("220 mail")
	var data strings.Builder
	secure := implicit
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.Fields(line + " x")[0])
		switch verb {
		case "EHLO":
			say("250-mail")
			if !secure {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go")
			conn = tls.Server(conn, config)
			in, secure = bufio.NewReader(conn), true
		case "DATA":
			m.mu.Lock()
			refuses := m.refuses
			m.mu.Unlock()
			if refuses || !secure {
				say("554 no")
				continue
			}
			say("354 go")
			for {
				text, err := in.ReadString('\n')
				if err != nil || text == ".\r\n" {
					break
				}
				data.WriteString(text)
			}
			m.mu.Lock()
			m.received = append(m.received, data.String())
			m.mu.Unlock()
			say("250 ok")
		case "AUTH":
			say("235 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func openStore(t *testing.T) *store.DB {
	t.Helper()
	dir := t.TempDir()
	keys, err := seal.Open(seal.RootOptions{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := pebbleengine.Open(dir+"/store", keys)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(engine, keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Check(context.Background()); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	return db
}

func TestMailsAreSent(t *testing.T) {
	for _, implicit := range []bool{true, false} {
		m, db, ctx, now := newMailServer(t, implicit), openStore(t), context.Background(), time.Now()
		err := db.Update(ctx, func(tx *store.Tx) error {
			return errors.Join(
				Add(tx, &Message{Account: "1", Created: now, Channel: Email, To: "ada@example.com", Subject: "Grüße\r\nBcc: x@example.com", Body: "code 123456\r\n.\r\n", HTML: true}),
				Add(tx, &Message{Account: "1", Created: now, Channel: SMS, To: "+15551234567", Body: "x"}))
		})
		if err != nil {
			t.Fatal(err)
		}
		left := func() (n int) {
			_ = db.View(ctx, func(r store.Reader) error {
				all, err := List(r, "1", 10)
				n = len(all)
				return err
			})
			return n
		}
		m.refuses = true
		if err := m.server.sendDue(ctx, db, now); err != nil || left() != 2 {
			t.Fatalf("%v, %d left", err, left())
		}
		m.mu.Lock()
		m.refuses = false
		m.mu.Unlock()
		if err := m.server.sendDue(ctx, db, now); err != nil || left() != 2 {
			t.Errorf("tried again at once: %v, %d left", err, left())
		}
		if err := m.server.sendDue(ctx, db, now.Add(time.Hour)); err != nil || left() != 1 {
			t.Errorf("%v, %d left", err, left())
		}
		if len(m.received) != 1 || !strings.Contains(m.received[0], "code 123456") || strings.Contains(m.received[0], "\nBcc:") {
			t.Errorf("received %q", m.received)
		}
		untrusted := *m.server
		untrusted.Roots = x509.NewCertPool()
		if err := untrusted.sendOne(ctx, &Message{To: "a@example.com"}); err == nil {
			t.Error("a server is believed that nobody vouches for")
		}
	}
}

func TestParseServer(t *testing.T) {
	s, err := ParseServer("smtps://user@mail.example.com?from=node@example.com")
	if err != nil || s.Address != "mail.example.com:465" || s.User != "user" || !s.Implicit {
		t.Errorf("%+v %v", s, err)
	}
	for _, text := range []string{"", "mail.example.com", "smtp://mail.example.com", "smtps://u:p@mail.example.com?from=a@example.com", "http://x?from=a@example.com",
		"smtp://mail.example.com/x?from=a@example.com", "smtp://mail.example.com?from=A <a@example.com>"} {
		if _, err := ParseServer(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
