package node

import (
	"net"
	"testing"
	"time"
)

// Connections beyond the limit wait; a place that comes free is given on, and
// closing the listener ends the wait.
func TestConnectionsAreLimited(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shared := newRoom(2)
	l := limit(inner, shared, newRoom(10))
	accepted := make(chan net.Conn)
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	first, second := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection was accepted where two may be open")
	case <-time.After(50 * time.Millisecond):
	}
	if len(shared) != 2 {
		t.Fatalf("%d places are taken", len(shared))
	}
	_ = first.Close()
	_ = first.Close() // gives its place back once
	third := <-accepted
	if len(shared) != 2 {
		t.Fatalf("%d places are taken after one was given on", len(shared))
	}
	_ = inner.Close()
	if err := l.Close(); err != nil {
		t.Errorf("closing what is closed: %v", err)
	}
	if err := <-ended; err == nil {
		t.Fatal("Accept went on after Close")
	}
	_ = second.Close()
	_ = third.Close()
	if len(shared) != 0 {
		t.Fatalf("%d places were not given back", len(shared))
	}
}
