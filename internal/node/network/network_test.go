package network

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloister/internal/cell/egress"
	"cloister/internal/netpolicy"
)

// stage is a way out to a destination of the test's, under a policy of the test's.
type stage struct {
	*Way
	mu      sync.Mutex
	policy  *netpolicy.Policy
	err     error
	flows   []Flow
	reached []string
	far     net.Conn // the destination's side of the last connection
}

func newStage(p *netpolicy.Policy) *stage {
	s := &stage{policy: p}
	s.Way = New(Options{
		Address: netip.MustParseAddr("172.31.0.4"),
		Policy: func(context.Context) (*netpolicy.Policy, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.policy, s.err
		},
		Connect: func(_ context.Context, network string, to netip.AddrPort) (net.Conn, error) {
			s.reached = append(s.reached, network+" "+to.String())
			near, far := net.Pipe()
			s.far = far
			return near, nil
		},
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "none.example.com" {
				return nil, nil
			}
			return []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("2606:4700::1")}, nil
		},
		Record: func(f Flow) { s.mu.Lock(); s.flows = append(s.flows, f); s.mu.Unlock() },
	})
	return s
}

func (s *stage) set(p *netpolicy.Policy) {
	s.mu.Lock()
	s.policy = p
	s.mu.Unlock()
	s.Changed(context.Background())
}

func (s *stage) last(t *testing.T) Flow {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.flows) == 0 {
		t.Fatal("no flow was told of")
	}
	return s.flows[len(s.flows)-1]
}

func to(text string, names ...string) egress.Flow {
	return egress.Flow{Proto: egress.TCP, Source: netip.MustParseAddrPort("192.0.0.2:40000"), Dest: netip.MustParseAddrPort(text), Names: names}
}

// named is a policy that allows api.example.com alone.
func named() *netpolicy.Policy {
	p := netpolicy.Open(netpolicy.Set{})
	p.Rules = []netpolicy.Rule{{ID: "sgr-1", Protocol: netpolicy.TCP, From: 0, To: 65535, Peers: netpolicy.NewSet(netip.MustParsePrefix("0.0.0.0/0")), Names: []string{"api.example.com"}}}
	return p
}

func TestWhatIsDeniedIsNotConnectedTo(t *testing.T) {
	s := newStage(netpolicy.Open(netpolicy.Set{}))
	for _, address := range []string{"127.0.0.1:80", "169.254.169.254:80", "10.0.0.1:80"} {
		if _, err := s.Connect(t.Context(), to(address)); !errors.Is(err, egress.ErrDenied) {
			t.Errorf("%s: %v", address, err)
		}
		if f := s.last(t); f.Verdict.Allowed || f.Remote.String() != address || f.Local.String() != "172.31.0.4:40000" {
			t.Errorf("told of %+v", f)
		}
	}
	s.err = errors.New("the store is gone")
	if _, err := s.Connect(t.Context(), to("8.8.8.8:443")); !errors.Is(err, egress.ErrDenied) {
		t.Errorf("without a policy: %v", err)
	}
	if len(s.reached) > 0 {
		t.Errorf("connected to %v", s.reached)
	}
}

func TestAFlowIsCountedAndTold(t *testing.T) {
	s := newStage(netpolicy.Open(netpolicy.Set{}))
	c, err := s.Connect(t.Context(), to("8.8.8.8:443"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.ReadFull(s.far, make([]byte, 5))
		_, _ = s.far.Write([]byte("answer"))
	}()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Close(), c.Close()
	if f := s.last(t); len(s.flows) != 1 || f.Sent != 5 || f.Received != 6 || !f.Verdict.Allowed || f.Verdict.Rule != "internet" {
		t.Errorf("told of %+v", s.flows)
	}
	if !slices.Equal(s.reached, []string{"tcp 8.8.8.8:443"}) {
		t.Errorf("%v", s.reached)
	}
}

// A change interrupts what EC2 would interrupt, and leaves what it tracks.
func TestChangesReachWhatIsEstablished(t *testing.T) {
	s := newStage(netpolicy.Open(netpolicy.Set{}))
	c, err := s.Connect(t.Context(), to("8.8.8.8:443"))
	if err != nil {
		t.Fatal(err)
	}
	without := *netpolicy.Open(netpolicy.Set{})
	without.Rules = nil
	s.set(&without)
	go func() { _, _ = io.ReadFull(s.far, make([]byte, 1)) }()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Errorf("what is tracked was interrupted: %v", err)
	}
	walled := without
	walled.ACL = nil
	s.set(&walled)
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("a network ACL did not interrupt")
	}
	if f := s.last(t); f.Verdict.Reason != netpolicy.ReasonACL || len(s.open) != 0 {
		t.Errorf("told of %+v, %d open", f, len(s.open))
	}
}

// clientHello is the first that a TLS client sends.
func clientHello(t *testing.T, name string) []byte {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		_ = tls.Client(near, &tls.Config{ServerName: name, InsecureSkipVerify: name == ""}).HandshakeContext(context.Background())
	}()
	b := make([]byte, 4096)
	n, err := far.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = near.Close(), far.Close()
	return b[:n]
}

func TestNamesAreHeldToTheFirstRecord(t *testing.T) {
	right, wrong, none := clientHello(t, "API.example.com"), clientHello(t, "other.example.com"), clientHello(t, "")
	for _, c := range []struct {
		name   string
		to     string
		chunks [][]byte
		passes bool
	}{
		{"right", "8.8.8.8:443", [][]byte{right}, true},
		{"right, byte by byte", "8.8.8.8:443", split(right, 1), true},
		{"right, in two records", "8.8.8.8:443", [][]byte{inRecords(right, 20)}, true},
		{"wrong", "8.8.8.8:443", [][]byte{wrong}, false},
		{"wrong, byte by byte", "8.8.8.8:443", split(wrong, 1), false},
		{"wrong, in two records", "8.8.8.8:443", [][]byte{inRecords(wrong, 20)}, false},
		{"no name", "8.8.8.8:443", [][]byte{none}, false},
		{"no TLS where TLS belongs", "8.8.8.8:443", [][]byte{[]byte("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n")}, false},
		{"no TLS elsewhere", "8.8.8.8:5432", [][]byte{[]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f")}, true},
		{"wrong TLS elsewhere", "8.8.8.8:5432", [][]byte{wrong}, false},
		{"endless", "8.8.8.8:443", split([]byte(strings.Repeat("\x16\x03\x01\x40\x00\x01\xff\xff\xff"+strings.Repeat("x", 16380), 8)), 16<<10), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(named())
			conn, err := s.Connect(t.Context(), to(c.to, "api.example.com"))
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan []byte)
			go func() { b, _ := io.ReadAll(s.far); got <- b }()
			for _, chunk := range c.chunks {
				if _, err = conn.Write(chunk); err != nil {
					break
				}
			}
			_ = conn.Close()
			passed := <-got
			if want := slices.Concat(c.chunks...); c.passes && (err != nil || string(passed) != string(want)) || !c.passes && (err == nil || len(passed) > 0) {
				t.Errorf("%d bytes passed, %v", len(passed), err)
			}
		})
	}
}

func split(b []byte, n int) (all [][]byte) {
	for part := range slices.Chunk(b, n) {
		all = append(all, part)
	}
	return all
}

// inRecords cuts a handshake into records.
func inRecords(hello []byte, at int) []byte {
	body := hello[5:]
	head := func(n int) []byte { return []byte{22, 3, 1, byte(n >> 8), byte(n)} }
	return slices.Concat(head(at), body[:at], head(len(body)-at), body[at:])
}

// Half a flow that ends is no TLS.
func TestHalfAHello(t *testing.T) {
	s := newStage(named())
	c, err := s.Connect(t.Context(), to("8.8.8.8:443", "api.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(clientHello(t, "api.example.com")[:20]); err != nil {
		t.Fatal(err)
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); !errors.Is(err, egress.ErrDenied) {
		t.Errorf("%v", err)
	}
}

func TestResolve(t *testing.T) {
	s := newStage(named())
	a, err := s.Resolve(t.Context(), egress.Question{Name: "api.example.com"})
	if err != nil || len(a.Addrs) != 1 || a.Addrs[0].String() != "8.8.8.8" || a.TTL <= 0 {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := s.Resolve(t.Context(), egress.Question{Name: "api.example.com", IPv6: true}); err != nil || len(a.Addrs) != 1 || !a.Addrs[0].Is6() {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := s.Resolve(t.Context(), egress.Question{Name: "secret.evil.example.net"}); !errors.Is(err, egress.ErrDenied) {
		t.Errorf("a name without a use was resolved: %v", err)
	}
	s.policy = netpolicy.Open(netpolicy.Set{})
	if _, err := s.Resolve(t.Context(), egress.Question{Name: "none.example.com"}); !errors.Is(err, egress.ErrNoName) {
		t.Errorf("%v", err)
	}
}

func FuzzFirstBytes(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1"))
	f.Add([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, name := firstBytes(b)
		if kind != netpolicy.Hello && name != "" {
			t.Errorf("%q is the name of no hello", name)
		}
		for n := range len(b) { // what is known does not change with more bytes
			if before, was := firstBytes(b[:n]); before != netpolicy.Unseen && (before != kind || was != name) {
				t.Fatalf("%d bytes are %d %q, all are %d %q", n, before, was, kind, name)
			}
		}
	})
}
