package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// echoes allows everything, and says back what it is told.
type echoes struct {
	book
	mu    sync.Mutex
	asked []Flow
	hold  chan struct{} // if not nil, Connect waits until it is closed
}

func (e *echoes) Connect(ctx context.Context, f Flow) (net.Conn, error) {
	e.mu.Lock()
	e.asked = append(e.asked, f)
	e.mu.Unlock()
	if e.hold != nil {
		select {
		case <-e.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	a, b := net.Pipe()
	go func() {
		defer b.Close()
		io.Copy(b, b)
	}()
	return a, nil
}

// program is a TCP/IP stack in the place of a cell's kernel.
func program(t testing.TB, e Egress) (*Stack, *stack.Stack, *link) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStack(os.NewFile(uintptr(fds[0]), "tun"), Network{Egress: e})
	if err != nil {
		t.Fatal(err)
	}
	inside := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	l := &link{tun: os.NewFile(uintptr(fds[1]), "tun"), done: make(chan struct{})}
	if err := inside.CreateNIC(nic, l); err != nil {
		t.Fatal(err)
	}
	inside.AddProtocolAddress(nic, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: address(DefaultAddress).WithPrefix()}, stack.AddressProperties{})
	inside.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	go l.readAll()
	t.Cleanup(func() {
		s.Close()
		inside.RemoveNIC(nic)
		inside.Destroy()
	})
	return s, inside, l
}

// readAll is read without looking at what comes.
func (l *link) readAll() {
	defer close(l.done)
	b := make([]byte, MTU+1)
	for {
		n, err := l.tun.Read(b)
		if err != nil {
			return
		}
		l.deliver(header.IPv4ProtocolNumber, b[:n])
	}
}

func full(text string) tcpip.FullAddress {
	ap := netip.MustParseAddrPort(text)
	return tcpip.FullAddress{NIC: nic, Addr: address(ap.Addr()), Port: ap.Port()}
}

func talk(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Fatalf("%q, %v", b, err)
	}
}

// After Close nothing is left: no goroutine, no file, no flow that counts.
func TestCloseLeavesNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	flows := flowsOfAll.Load()
	t.Run("use", func(t *testing.T) {
		s, inside, _ := program(t, &echoes{book: aBook})
		for range 5 {
			c, err := gonet.DialTCP(inside, full("198.51.100.1:80"), ipv4.ProtocolNumber)
			if err != nil {
				t.Fatal(err)
			}
			talk(t, c)
			defer c.Close()
		}
		far := full("198.51.100.1:7")
		u, err := gonet.DialUDP(inside, nil, &far, ipv4.ProtocolNumber)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		talk(t, u)
		c, err := gonet.DialTCP(inside, full("192.0.0.1:53"), ipv4.ProtocolNumber)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if n := flowsOfAll.Load() - flows; n != 7 {
			t.Errorf("%d flows", n)
		}
		s.Close()
		s.Close()
	})
	if n := flowsOfAll.Load(); n != flows {
		t.Errorf("%d flows left", n)
	}
	goleak.VerifyNone(t, before)
}

// Close does not wait for a decision that takes long.
func TestCloseWhileItIsDecided(t *testing.T) {
	e := &echoes{hold: make(chan struct{})}
	s, inside, _ := program(t, e)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := gonet.DialContextTCP(ctx, inside, full("198.51.100.1:80"), ipv4.ProtocolNumber)
		failed <- err
	}()
	for e.count() == 0 {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-failed:
		t.Errorf("connected before the decision: %v", err)
	default:
	}
	s.Close()
	cancel()
	if err := <-failed; err == nil {
		t.Error("connected without a decision")
	}
}

func (e *echoes) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.asked)
}

// A program can bind its socket to any address; what it sends from another than its
// own reaches nobody.
func TestForeignSourcesAreDropped(t *testing.T) {
	e := &echoes{}
	_, inside, _ := program(t, e)
	other := address(netip.MustParseAddr("198.51.100.77"))
	inside.AddProtocolAddress(nic, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: other.WithPrefix()}, stack.AddressProperties{})
	from, far := tcpip.FullAddress{Addr: other}, full("198.51.100.1:7")
	for range 3 {
		u, err := gonet.DialUDP(inside, &from, &far, ipv4.ProtocolNumber)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(u, "x")
		u.Close()
	}
	from = tcpip.FullAddress{Addr: address(DefaultAddress)}
	u, err := gonet.DialUDP(inside, &from, &far, ipv4.ProtocolNumber)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	talk(t, u)
	if e.count() != 1 || e.asked[0].Source.Addr() != DefaultAddress {
		t.Errorf("%+v", e.asked)
	}
}

func TestErrnos(t *testing.T) {
	for _, c := range []struct {
		err  error
		want syscall.Errno
	}{
		{ErrDenied, syscall.ENETUNREACH},
		{errors.Join(ErrDenied, syscall.ECONNREFUSED), syscall.ENETUNREACH},
		{&net.OpError{Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, syscall.ECONNREFUSED},
		{syscall.ENETUNREACH, syscall.ENETUNREACH},
		{syscall.EHOSTUNREACH, syscall.EHOSTUNREACH},
		{context.DeadlineExceeded, syscall.EHOSTUNREACH},
		{errors.New("anything"), syscall.EHOSTUNREACH},
	} {
		if got := errnoOf(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}

// FuzzPackets: whatever the cell's kernel were to send, nothing panics, and the
// Egress is asked only about TCP and UDP from the cell to where a cell may go.
func FuzzPackets(f *testing.F) {
	u := make([]byte, 32)
	header.IPv4(u).Encode(&header.IPv4Fields{TotalLength: 32, TTL: 64, Protocol: 17, SrcAddr: address(DefaultAddress), DstAddr: address(netip.MustParseAddr("198.51.100.1"))})
	header.UDP(u[20:]).Encode(&header.UDPFields{SrcPort: 5, DstPort: 53, Length: 12})
	f.Add(u)
	syn := make([]byte, 40)
	header.IPv4(syn).Encode(&header.IPv4Fields{TotalLength: 40, TTL: 64, Protocol: 6, SrcAddr: address(DefaultAddress), DstAddr: address(netip.MustParseAddr("169.254.169.254"))})
	header.TCP(syn[20:]).Encode(&header.TCPFields{SrcPort: 5, DstPort: 80, DataOffset: 20, Flags: header.TCPFlagSyn, WindowSize: 1})
	f.Add(syn)
	f.Add([]byte("\x60\x00\x00\x00\x00\x08\x11\x40" + strings.Repeat("\xfd", 16) + strings.Repeat("\x20", 16) + "\x00\x05\x00\x35\x00\x08\x00\x00"))
	e := &echoes{book: aBook}
	s, _, _ := program(f, e)
	l := &link{source: [2]netip.Addr{DefaultAddress, netip.MustParseAddr("fd12::2")}, done: make(chan struct{})}
	near, far, err := os.Pipe()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { near.Close(); far.Close() })
	go io.Copy(io.Discard, near)
	l.tun = far
	close(l.done)
	if err := s.stack.CreateNIC(2, l); err != nil {
		f.Fatal(err)
	}
	s.stack.SetPromiscuousMode(2, true)
	f.Fuzz(func(t *testing.T, p []byte) {
		if proto, ok := l.classify(p); ok {
			s.stack.NICInfo()
			l.up.DeliverNetworkPacket(proto, stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(p)}))
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, asked := range e.asked {
			if Unreachable(asked.Dest.Addr()) || asked.Source.Addr() != l.source[0] && asked.Source.Addr() != l.source[1] {
				t.Errorf("asked about %+v", asked)
			}
		}
		e.asked = nil
	})
}

// Close does not wait for a handshake that the cell never finishes.
func TestCloseDuringAHandshake(t *testing.T) {
	e := &echoes{hold: make(chan struct{})}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fds[1])
	syscall.SetNonblock(fds[0], true)
	s, err := NewStack(os.NewFile(uintptr(fds[0]), "tun"), Network{Egress: e})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Write(fds[1], synTo("198.51.100.1")); err != nil {
		t.Fatal(err)
	}
	close(e.hold)
	b := make([]byte, MTU)
	if n, err := syscall.Read(fds[1], b); err != nil || header.TCP(b[20:n]).Flags() != header.TCPFlagSyn|header.TCPFlagAck {
		t.Fatalf("no answer to the SYN: %v", err)
	}
	s.Close()
}

func synTo(to string) []byte {
	syn := make([]byte, 40)
	ip := header.IPv4(syn)
	ip.Encode(&header.IPv4Fields{TotalLength: 40, TTL: 64, Protocol: 6, SrcAddr: address(DefaultAddress), DstAddr: address(netip.MustParseAddr(to))})
	ip.SetChecksum(^ip.CalculateChecksum())
	header.TCP(syn[20:]).Encode(&header.TCPFields{SrcPort: 5, DstPort: 80, DataOffset: 20, Flags: header.TCPFlagSyn, WindowSize: 1000})
	return syn
}

// What many cells' networks cost while nobody uses them: go test -bench Idle.
func BenchmarkIdle(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	var all []*Stack
	for b.Loop() {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer syscall.Close(fds[1])
		s, err := NewStack(os.NewFile(uintptr(fds[0]), "tun"), Network{Egress: &echoes{}})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, s)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/float64(b.N)/1024, "KiB/stack")
	b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/float64(b.N), "goroutines/stack")
	for _, s := range all {
		s.Close()
	}
}
