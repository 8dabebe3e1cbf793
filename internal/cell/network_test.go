package cell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloister/internal/cell/egress"
)

// world is an Egress of the tests: a few documentation addresses lead to servers
// on this machine's loopback, which a cell cannot name.
type world struct {
	t        testing.TB
	tcp, udp string // an echo each
	closed   string // nobody listens there

	mu    sync.Mutex
	asked []string // flows, as they came
	conns []net.Conn
}

func newWorld(t testing.TB) *world {
	w := &world{t: t}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); u.Close() })
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	w.tcp, w.udp, w.closed = l.Addr().String(), u.LocalAddr().String(), gone.Addr().String()
	go echo(l)
	go echoDatagrams(u)
	return w
}

func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			io.Copy(c, c)
		}()
	}
}

func echoDatagrams(u net.PacketConn) {
	b := make([]byte, 64<<10)
	for {
		n, from, err := u.ReadFrom(b)
		if err != nil {
			return
		}
		u.WriteTo(b[:n], from)
	}
}

func (w *world) Connect(ctx context.Context, f egress.Flow) (net.Conn, error) {
	w.mu.Lock()
	w.asked = append(w.asked, fmt.Sprintf("%s %s %s", f.Proto, f.Dest, strings.Join(f.Names, ",")))
	w.mu.Unlock()
	to := w.tcp
	if f.Proto == egress.UDP {
		to = w.udp
	}
	switch f.Dest.Addr().String() {
	case "198.51.100.2", "2001:db8::2":
	case "198.51.100.3", "2001:db8::3":
		to = w.closed
	case "198.51.100.4", "2001:db8::4":
		return nil, context.DeadlineExceeded
	case "198.51.100.5":
		if !slices.Contains(f.Names, "named.example") {
			return nil, egress.ErrDenied
		}
	default:
		return nil, fmt.Errorf("no rule: %w", egress.ErrDenied)
	}
	c, err := (&net.Dialer{}).DialContext(ctx, f.Proto.String(), to)
	if err == nil {
		w.mu.Lock()
		w.conns = append(w.conns, c)
		w.mu.Unlock()
	}
	return c, err
}

var worldNames = map[string][]string{
	"allowed.example": {"198.51.100.2"},
	"named.example":   {"198.51.100.5"},
	"many.example":    {"198.51.100.2", "198.51.100.3"},
	"rebind.example":  {"127.0.0.1", "169.254.169.254", "192.0.0.1", "::ffff:127.0.0.1"},
	"six.example":     {"2001:db8::2"},
}

func (w *world) Resolve(_ context.Context, q egress.Question) (egress.Answer, error) {
	switch q.Name {
	case "denied.example":
		return egress.Answer{}, egress.ErrDenied
	case "broken.example":
		return egress.Answer{}, errors.New("the world's resolver is broken")
	}
	list, ok := worldNames[q.Name]
	if !ok {
		return egress.Answer{}, egress.ErrNoName
	}
	var a egress.Answer
	for _, text := range list {
		a.Addrs = append(a.Addrs, netip.MustParseAddr(text))
	}
	return a, nil
}

func networked(t testing.TB, args ...string) (Spec, *world) {
	w := newWorld(t)
	spec := probeSpec(args...)
	spec.Network = &egress.Network{Egress: w, Address6: netip.MustParseAddr("fd12::2")}
	return spec, w
}

// TestNetwork runs every attempt of testdata/network.txt in one cell.
func TestNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	own := strings.NewReplacer("$HOSTADDRESS", ownAddress(t, l))
	lines := readContainment(t, "testdata/network.txt", own)
	var args []string
	for _, line := range lines {
		args = append(args, line.attempt)
	}
	spec, w := networked(t, args...)
	got := strings.Split(strings.TrimSuffix(output(t, spec), "\n"), "\n")
	if len(got) != len(lines) {
		t.Fatalf("%d attempts, %d outcomes: %q", len(lines), len(got), got)
	}
	for i, line := range lines {
		if want := line.attempt + " " + line.outcome; got[i] != want {
			t.Errorf("got %q, want %q: %s", got[i], want, line.layer)
		}
	}
	for _, asked := range w.asked {
		for _, never := range []string{"169.254.", "127.", "192.0.0.", "[fe80", "[::1", ownAddress(t, l)} {
			if strings.Contains(asked, " "+never) {
				t.Errorf("the Egress was asked about %q", asked)
			}
		}
	}
}

// ownAddress is an address of this machine that is not the loopback's, with a
// port where something listens.
func ownAddress(t *testing.T, l net.Listener) string {
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n.IP.To4())), uint16(l.Addr().(*net.TCPAddr).Port)).String()
		}
	}
	t.Skip("this machine has no address but the loopback's")
	return ""
}

func TestManyConnectionsAtOnce(t *testing.T) {
	spec, _ := networked(t, "many:200/198.51.100.2:80")
	if out := output(t, spec); out != "many:200/198.51.100.2:80 200\n" {
		t.Error(out)
	}
}

// No connection that is denied looks for a moment like one that succeeded, to
// programs that ask only for the error and to a kernel that wakes them early.
func TestDenialsNeverLookLikeSuccess(t *testing.T) {
	for _, to := range []string{"198.51.100.1:80", "[2001:db8::1]:80"} {
		attempt := "rush:4000/" + to
		spec, _ := networked(t, attempt)
		if out, want := output(t, spec), attempt+" ENETUNREACH\n"; out != want {
			t.Errorf("got %q, want %q", out, want)
		}
	}
}

func TestFlowsAreLimited(t *testing.T) {
	spec, _ := networked(t, "hold:198.51.100.2:80")
	spec.Network.MaxFlows = 10
	if out := output(t, spec); out != "hold:198.51.100.2:80 10 then ENETUNREACH\n" {
		t.Error(out)
	}
}

// A flow that is cut ends for both sides, and only that one.
func TestCutFlows(t *testing.T) {
	spec, w := networked(t, "stream:198.51.100.2:80", "dial:198.51.100.2:80")
	var out bytes.Buffer
	saw := newWaiter("connected")
	spec.Stdout = io.MultiWriter(saw, &out)
	c := start(t, spec)
	<-saw.seen
	if n := c.CutFlows(func(f egress.Flow) bool { return f.Dest.Port() == 81 }); n != 0 {
		t.Errorf("%d flows cut that are not there", n)
	}
	if n := c.CutFlows(func(f egress.Flow) bool { return f.Dest.String() == "198.51.100.2:80" && f.Proto == egress.TCP }); n != 1 {
		t.Errorf("%d flows cut", n)
	}
	c.Exit()
	if want := "connected\nstream:198.51.100.2:80 ECONNRESET\ndial:198.51.100.2:80 ok\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.conns[0].Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the platform's connection: %v", err)
	}
}

// With its cell a connection ends.
func TestFlowsEndWithTheCell(t *testing.T) {
	spec, w := networked(t, "stream:198.51.100.2:80")
	saw := newWaiter("connected")
	spec.Stdout = saw
	c := start(t, spec)
	<-saw.seen
	c.Kill()
	c.Exit()
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.conns[0].Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the platform's connection: %v", err)
	}
	if n := c.CutFlows(func(egress.Flow) bool { return true }); n != 0 {
		t.Errorf("%d flows after the end", n)
	}
}

func TestNetworkSpec(t *testing.T) {
	for name, n := range map[string]egress.Network{
		"no egress":  {},
		"limit":      {Egress: &world{}, MaxFlows: -1},
		"loopback":   {Egress: &world{}, Address: netip.MustParseAddr("127.0.0.1")},
		"resolver":   {Egress: &world{}, Address: egress.Resolver},
		"six":        {Egress: &world{}, Address: netip.MustParseAddr("fd12::2")},
		"four":       {Egress: &world{}, Address6: netip.MustParseAddr("10.0.0.1")},
		"link-local": {Egress: &world{}, Address6: netip.MustParseAddr("fe80::1")},
	} {
		spec := probeSpec()
		spec.Network = &n
		var wrong *SpecError
		if err := spec.Validate(); !errors.As(err, &wrong) || wrong.Field != "Network" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Programs in other languages do what they do everywhere.
func TestInterpretersReachTheNetwork(t *testing.T) {
	for _, c := range []struct{ name, program, code string }{
		{"python", "/usr/bin/python3", pythonNetwork},
		{"node", "/usr/bin/node", nodeNetwork},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat(c.program); err != nil {
				t.Skipf("%s is not installed here", c.program)
			}
			flag := map[string]string{"python": "-c", "node": "-e"}[c.name]
			spec := Spec{ID: c.name, Root: system(), Args: []string{c.program, flag, c.code}, Env: []string{"PATH=/usr/bin:/bin", "HOME=/tmp"}, MemoryBytes: 256 << 20}
			spec.Network = &egress.Network{Egress: newWorld(t)}
			want := "blocking hello\ndenied ENETUNREACH\nrefused ECONNREFUSED\nsilent EHOSTUNREACH\nasync 20\nasync denied ENETUNREACH\nname hello\nno name\nok\n"
			if out := output(t, spec); out != want {
				t.Errorf("got %q, want %q", out, want)
			}
		})
	}
}

const pythonNetwork = `
import asyncio, errno, socket
def talk(to):
    with socket.create_connection(to, timeout=20) as s:
        s.sendall(b"hello"); s.shutdown(socket.SHUT_WR)
        return s.makefile().read()
def why(to):
    try: talk(to); return "ok"
    except OSError as e: return errno.errorcode[e.errno]
print("blocking", talk(("198.51.100.2", 80)))
print("denied", why(("198.51.100.1", 80)))
print("refused", why(("198.51.100.3", 80)))
print("silent", why(("198.51.100.4", 80)))
async def one():
    r, w = await asyncio.open_connection("198.51.100.2", 80)
    w.write(b"hello"); w.write_eof()
    b = await r.read(); w.close()
    return b == b"hello"
async def main():
    print("async", sum(await asyncio.gather(*[one() for _ in range(20)])))
    try: await asyncio.open_connection("198.51.100.1", 80)
    except OSError as e: print("async denied", errno.errorcode[e.errno])
asyncio.run(main())
print("name", talk(("allowed.example", 80)))
try: talk(("denied.example", 80))
except socket.gaierror: print("no name")
print("ok")
`

const nodeNetwork = `
const net = require('net');
const talk = (host, port) => new Promise((done, fail) => {
  let b = '';
  net.connect({ host, port }).on('connect', function () { this.end('hello'); }).on('data', d => b += d).on('end', () => done(b)).on('error', fail);
});
const why = (host, port) => talk(host, port).then(() => 'ok', e => e.code);
(async () => {
  console.log('blocking', await talk('198.51.100.2', 80));
  console.log('denied', await why('198.51.100.1', 80));
  console.log('refused', await why('198.51.100.3', 80));
  console.log('silent', await why('198.51.100.4', 80));
  const all = await Promise.all(Array.from({ length: 20 }, () => talk('198.51.100.2', 80)));
  console.log('async', all.filter(b => b === 'hello').length);
  console.log('async denied', await why('198.51.100.1', 81));
  console.log('name', await talk('allowed.example', 80));
  await talk('denied.example', 80).catch(e => console.log(e.code === 'ENOTFOUND' ? 'no name' : e.code));
  console.log('ok');
})();
`

// A program that was booted ahead gets its network with its work.
func TestBootedProgramsGetTheirNetwork(t *testing.T) {
	like := bootSpec(t, "uid")
	h := bootHost(t, like)
	spec := bootSpec(t, "fetch:198.51.100.2:80", "dial:198.51.100.1:80", "lookup:allowed.example")
	spec.Network = &egress.Network{Egress: newWorld(t)}
	var out bytes.Buffer
	spec.Stdout = &out
	c, err := h.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	c.Exit()
	if want := "fetch:198.51.100.2:80 hello\ndial:198.51.100.1:80 ENETUNREACH\nlookup:allowed.example 198.51.100.2\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}
