package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func init() {
	attempts["load_connections"] = loadConnections
	attempts["load_up"] = loadUp
	attempts["load_down"] = loadDown
}

// loading is how long a load lasts: TIME/ADDRESS.
func loading(arg string) (time.Duration, string) {
	text, to, _ := strings.Cut(arg, "/")
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d, to
}

// loadConnections opens and closes connections, 16 at once, and prints how many a
// second.
func loadConnections(arg string) string {
	d, to := loading(arg)
	var done, failed atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range 16 {
		wg.Go(func() {
			for time.Since(began) < d {
				c, err := net.Dial("tcp", to)
				if err != nil {
					failed.Add(1)
					continue
				}
				// No TIME-WAIT: the client's ports would be used up.
				c.(*net.TCPConn).SetLinger(0)
				c.Close()
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if n := failed.Load(); n > 0 {
		return fmt.Sprintf("%d failed", n)
	}
	return fmt.Sprintf("%.0f", float64(done.Load())/time.Since(began).Seconds())
}

// loadUp and loadDown send or receive as much as they can, and print the Gbit/s.
func loadUp(arg string) string {
	return load(arg, 'u', func(c net.Conn, b []byte) (int, error) { return c.Write(b) })
}

func loadDown(arg string) string {
	return load(arg, 'd', func(c net.Conn, b []byte) (int, error) { return c.Read(b) })
}

func load(arg string, way byte, move func(net.Conn, []byte) (int, error)) string {
	d, to := loading(arg)
	c, err := net.Dial("tcp", to)
	if err != nil {
		return outcome(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte{way}); err != nil {
		return outcome(err)
	}
	b := make([]byte, 256<<10)
	var moved int
	began := time.Now()
	for time.Since(began) < d {
		n, err := move(c, b)
		moved += n
		if err == io.EOF {
			break
		} else if err != nil {
			return outcome(err)
		}
	}
	return fmt.Sprintf("%.2f", float64(moved)*8/1e9/time.Since(began).Seconds())
}
