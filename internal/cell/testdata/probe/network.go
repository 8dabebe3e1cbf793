package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
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
	attempts["rush"] = rush
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

// rush connects N/ADDRESS times, from several threads, as libraries do that ask
// for nothing but the error: without blocking, by poll. It prints what errors
// there were, "ok" for none.
func rush(arg string) string {
	count, to, _ := strings.Cut(arg, "/")
	n, _ := strconv.Atoi(count)
	address, err := net.ResolveTCPAddr("tcp", to)
	if err != nil {
		return err.Error()
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var kinds []string
	for range 16 {
		wg.Go(func() {
			for range n / 16 {
				got := polled(address)
				mu.Lock()
				if !slices.Contains(kinds, got) {
					kinds = append(kinds, got)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(kinds)
	return strings.Join(kinds, " ")
}

// polled is the error of one connection.
func polled(to *net.TCPAddr) string {
	var sa syscall.Sockaddr = &syscall.SockaddrInet6{Port: to.Port, Addr: [16]byte(to.IP.To16())}
	family := syscall.AF_INET6
	if v4 := to.IP.To4(); v4 != nil {
		sa, family = &syscall.SockaddrInet4{Port: to.Port, Addr: [4]byte(v4)}, syscall.AF_INET
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return outcome(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Connect(fd, sa); err != syscall.EINPROGRESS {
		return outcome(err)
	}
	const writable = 4 // POLLOUT
	wait := struct {
		fd              int32
		events, revents int16
	}{int32(fd), writable, 0}
	for {
		n, _, e := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&wait)), 1, 0, 0, 0, 0)
		if e == 0 && n == 1 {
			break
		}
		if e != syscall.EINTR {
			return outcome(e)
		}
	}
	code, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err != nil {
		return outcome(err)
	}
	if code != 0 {
		return outcome(syscall.Errno(code))
	}
	return "ok"
}
