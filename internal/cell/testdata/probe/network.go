package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func init() {
	attempts["blocking"] = blocking
	attempts["dial"] = dial
	attempts["udp"] = datagram
	attempts["lookup"] = lookup
	attempts["fetch"] = fetch
	attempts["many"] = many
	attempts["hold"] = hold
	attempts["stream"] = stream
	attempts["address"] = address
}

// blocking connects with a blocking socket.
func blocking(to string) string {
	address, err := net.ResolveTCPAddr("tcp", to)
	if err != nil {
		return err.Error()
	}
	var sa syscall.Sockaddr = &syscall.SockaddrInet6{Port: address.Port, Addr: [16]byte(address.IP.To16())}
	family := syscall.AF_INET6
	if v4 := address.IP.To4(); v4 != nil {
		sa, family = &syscall.SockaddrInet4{Port: address.Port, Addr: [4]byte(v4)}, syscall.AF_INET
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return outcome(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Connect(fd, sa); err != nil {
		return outcome(err)
	}
	return "ok"
}

// dial connects as Go does: without blocking, by epoll.
func dial(to string) string {
	c, err := net.DialTimeout("tcp", to, 20*time.Second)
	if err != nil {
		return outcome(err)
	}
	defer c.Close()
	if c.RemoteAddr().String() != to {
		return "peer " + c.RemoteAddr().String()
	}
	return "ok"
}

// datagram sends a datagram twice and waits for an answer.
func datagram(to string) string {
	c, err := net.Dial("udp", to)
	if err != nil {
		return outcome(err)
	}
	defer c.Close()
	var b [64]byte
	for range 2 {
		if _, err = c.Write([]byte("ping")); err != nil {
			return outcome(err)
		}
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := c.Read(b[:])
		if err == nil {
			return string(b[:n])
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return outcome(err)
		}
	}
	return "timeout"
}

// lookup resolves a name; "tcp/" before it asks by TCP.
func lookup(name string) string {
	r := &net.Resolver{PreferGo: true}
	name, tcp := strings.CutPrefix(name, "tcp/")
	if tcp {
		r.Dial = func(ctx context.Context, _, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	addrs, err := r.LookupHost(context.Background(), name)
	var notFound *net.DNSError
	if errors.As(err, &notFound) && notFound.IsNotFound {
		return "no such host"
	}
	if err != nil && strings.HasSuffix(err.Error(), syscall.ENETUNREACH.Error()) {
		return "ENETUNREACH" // an error of a lookup has its reason as a text only
	}
	if err != nil {
		return err.Error()
	}
	return strings.Join(addrs, " ")
}

// fetch sends a line and prints all that comes back.
func fetch(to string) string {
	c, err := net.Dial("tcp", to)
	if err != nil {
		return outcome(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return outcome(err)
	}
	c.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(c)
	if err != nil {
		return outcome(err)
	}
	return strings.TrimSpace(string(b))
}

// many connects N/ADDRESS times at once, and exchanges a line on each.
func many(arg string) string {
	count, to, _ := strings.Cut(arg, "/")
	n, _ := strconv.Atoi(count)
	var good atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if fetch(to) == "hello" {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	return strconv.FormatInt(good.Load(), 10)
}

// hold keeps connections open until one fails: it prints how many there were and
// why the last did.
func hold(to string) string {
	for n := 0; ; n++ {
		c, err := net.Dial("tcp", to)
		if err != nil {
			return fmt.Sprintf("%d then %s", n, outcome(err))
		}
		defer c.Close()
	}
}

// stream says that it is connected and reads until the end.
func stream(to string) string {
	c, err := net.Dial("tcp", to)
	if err != nil {
		return outcome(err)
	}
	fmt.Println("connected")
	if _, err := io.Copy(io.Discard, c); err != nil {
		return outcome(err)
	}
	return "end"
}

// address is the program's own on a connection.
func address(to string) string {
	c, err := net.Dial("udp", to)
	if err != nil {
		return outcome(err)
	}
	defer c.Close()
	host, _, _ := net.SplitHostPort(c.LocalAddr().String())
	return host
}
