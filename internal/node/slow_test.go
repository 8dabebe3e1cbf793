package node

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener of connections that never leave the process, whose time is
// the test's.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// Who does not get on with a header, or says nothing more, is cut off.
func TestSlowClients(t *testing.T) {
	for what, c := range map[string]struct {
		send  string
		every time.Duration
		reply bool // there is an answer first
		most  time.Duration
	}{
		"nothing at all":          {"", time.Second, false, 10 * time.Second},
		"half a header":           {"GET / HTTP/1.1\r\nHost:", time.Second, false, 10 * time.Second},
		"a header without end":    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n", time.Second, false, 10 * time.Second},
		"a request, then silence": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, true, 2 * time.Minute},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }))
				l := pipes{make(chan net.Conn), make(chan struct{})}
				go serve(server, l)
				client, far := net.Pipe()
				l.conns <- far
				began := time.Now()
				go func() {
					_, err := io.WriteString(client, c.send)
					for err == nil && c.every > 0 { // a byte now and then
						time.Sleep(c.every)
						_, err = io.WriteString(client, "x")
					}
				}()
				from := bufio.NewReader(client)
				if c.reply {
					res, err := http.ReadResponse(from, nil)
					if err != nil {
						t.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, res.Body)
				}
				_, _ = io.Copy(io.Discard, from)
				if took := time.Since(began); took > c.most+time.Second || took < c.most/2 {
					t.Errorf("cut off after %v, want %v", took, c.most)
				}
				_ = client.Close()
				_ = server.Close()
				time.Sleep(2 * time.Second) // for what still writes
			})
		})
	}
}
