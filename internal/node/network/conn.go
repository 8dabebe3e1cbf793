package network

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"cloister/internal/cell/egress"
	"cloister/internal/netpolicy"
)

// conn is an open flow, which counts, and keeps its first bytes back while they
// are needed for a decision.
type conn struct {
	net.Conn
	way   *Way
	began time.Time

	sent, received, writes, reads atomic.Int64
	once                          sync.Once

	mu      sync.Mutex // guards what follows
	flow    netpolicy.Flow
	verdict netpolicy.Verdict
	held    bool // first holds what was written
	first   []byte
}

// again decides on an established flow, and closes it if it may not be any more.
func (c *conn) again(ctx context.Context) error {
	policy, err := c.way.o.Policy(ctx)
	c.mu.Lock()
	if err == nil {
		c.verdict = policy.Established(&c.flow, c.verdict)
	} else {
		c.verdict = netpolicy.Verdict{Reason: netpolicy.ReasonNoEgress}
	}
	allowed, denial := c.verdict.Allowed, c.denial()
	c.mu.Unlock()
	if allowed {
		return nil
	}
	return errors.Join(denial, c.Close())
}

// Write passes bytes on, once the flow may carry them.
func (c *conn) Write(b []byte) (int, error) {
	out, err := c.release(b)
	if err != nil {
		return 0, errors.Join(err, c.Close())
	}
	if len(out) == 0 {
		return len(b), nil
	}
	n, err := c.Conn.Write(out)
	c.sent.Add(int64(n))
	c.writes.Add(1)
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

// release gives what may be passed on of all that was kept back and b.
func (c *conn) release(b []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.held {
		return b, nil
	}
	c.first = append(c.first, b...)
	c.flow.TLS, c.flow.SNI = firstBytes(c.first)
	if c.flow.TLS == netpolicy.Unseen {
		if len(c.first) <= mostHello {
			return nil, nil
		}
		c.flow.TLS = netpolicy.Hello // without a name
	}
	if err := c.decideAgain(); err != nil {
		return nil, err
	}
	out := c.first
	c.held, c.first = false, nil
	return out, nil
}

// decideAgain decides on a flow whose first bytes are known. c.mu is held.
func (c *conn) decideAgain() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	policy, err := c.way.o.Policy(ctx)
	if err != nil {
		return errors.Join(egress.ErrDenied, err)
	}
	if c.verdict = policy.Decide(&c.flow); !c.verdict.Allowed {
		return c.denial()
	}
	return nil
}

// Read counts what comes back.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.received.Add(int64(n))
	if n > 0 {
		c.reads.Add(1)
	}
	return n, err
}

// CloseWrite passes on that the program sends no more. What is still kept back
// then is no TLS.
func (c *conn) CloseWrite() error {
	c.mu.Lock()
	rest := c.first
	if c.held && len(rest) > 0 {
		c.flow.TLS = netpolicy.Plain
		if err := c.decideAgain(); err != nil {
			c.mu.Unlock()
			return errors.Join(err, c.Close())
		}
	}
	c.held, c.first = false, nil
	c.mu.Unlock()
	if len(rest) > 0 {
		if _, err := c.Conn.Write(rest); err != nil {
			return err
		}
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close ends the flow and tells of it.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		err = c.Conn.Close()
		c.way.mu.Lock()
		delete(c.way.open, c)
		c.way.mu.Unlock()
		c.way.o.Record(c.record())
	})
	return err
}

func (c *conn) record() Flow {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Flow{
		Protocol: c.flow.Protocol, Local: c.flow.Local, Remote: c.flow.Remote, Verdict: c.verdict, Began: c.began, Ended: time.Now(),
		Sent: c.sent.Load(), Received: c.received.Load(), Writes: c.writes.Load(), Reads: c.reads.Load(),
	}
}
