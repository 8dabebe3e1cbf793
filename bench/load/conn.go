package load

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// answerTime is how long a connection may serve, so that a server that hangs
// ends the run.
const answerTime = time.Minute

// Conn is one client: a connection, dialled again where the server closes it.
// It is for one goroutine.
type Conn struct {
	address string
	tls     bool
	conn    net.Conn
	reader  *bufio.Reader
	body    bytes.Buffer
}

// Client returns a client of the server at address, host:port. It dials when
// it is first used.
func Client(address string) *Conn { return &Conn{address: address} }

// TLSClient is a Client that speaks TLS. It takes any certificate: the servers
// are those that the benchmark started, each with one that it made itself.
func TLSClient(address string) *Conn { return &Conn{address: address, tls: true} }

// Do sends a whole request and reads its answer. The body is good until the
// next call.
func (c *Conn) Do(request []byte) (status int, body []byte, err error) {
	if c.conn == nil {
		if err := c.dial(); err != nil {
			return 0, nil, err
		}
	}
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return 0, nil, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	}
	c.body.Reset()
	if _, err := c.body.ReadFrom(resp.Body); err != nil {
		return 0, nil, fmt.Errorf("read the answer's body: %w", err)
	}
	if resp.Close {
		c.Close()
	}
	return resp.StatusCode, c.body.Bytes(), nil
}

func (c *Conn) dial() error {
	conn, err := net.DialTimeout("tcp", c.address, 5*time.Second)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return errors.Join(err, conn.Close())
	}
	if c.tls {
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		if err := secure.Handshake(); err != nil {
			return errors.Join(err, conn.Close())
		}
		conn = secure
	}
	c.conn, c.reader = conn, bufio.NewReader(conn)
	return nil
}

// Close closes the connection, if there is one.
func (c *Conn) Close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing is expected of it any more
		c.conn = nil
	}
}
