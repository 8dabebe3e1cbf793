package dial

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestAddresses reads testdata/addresses.txt: an address and a port, an arrow,
// and "passes" or "refused"; a line that begins with "allow" sets the rules of
// those that follow it, one with "name" the host that is asked for.
func TestAddresses(t *testing.T) {
	file, err := os.Open("testdata/addresses.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	d, name, cases := New(), "", 0
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0 || fields[0] == "#":
		case fields[0] == "allow":
			d, name = New(rules(t, fields[1:]...)...), ""
		case fields[0] == "name":
			name = fields[1]
		default:
			cases++
			address, port := target(t, fields[0])
			host := name
			if host == "" {
				host = address.String()
			}
			got := "passes"
			if err := d.decide(host, address, port); err != nil {
				got = "refused"
			}
			if got != fields[2] {
				t.Errorf("%s under %v by the name %q: %s, not %s", fields[0], d.rules, name, got, fields[2])
			}
		}
	}
	if cases < 60 {
		t.Errorf("only %d cases", cases)
	}
}

func rules(t *testing.T, texts ...string) []Rule {
	t.Helper()
	all := make([]Rule, len(texts))
	for i, text := range texts {
		r, err := ParseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = r
	}
	return all
}

func target(t *testing.T, text string) (netip.Addr, uint16) {
	t.Helper()
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddr(host), uint16(port)
}

// recorder is a dialer that resolves as told and remembers what it connects to.
func recorder(answers [][]string, rules ...Rule) (d *Dialer, connected *[]string) {
	d, connected = New(rules...), new([]string)
	d.own = func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.ParseIP("8.8.4.4"), Mask: net.CIDRMask(24, 32)}}, nil
	}
	calls := 0
	d.resolve = func(context.Context, string) ([]netip.Addr, error) {
		answer := answers[min(calls, len(answers)-1)]
		calls++
		var all []netip.Addr
		for _, text := range answer {
			all = append(all, netip.MustParseAddr(text))
		}
		return all, nil
	}
	d.connect = func(_ context.Context, _, address string) (net.Conn, error) {
		*connected = append(*connected, address)
		a, b := net.Pipe()
		_ = b.Close()
		return a, nil
	}
	return d, connected
}

// A name that resolves to a public address first and to a private one later is
// connected to the first only: each connection decides on what it resolved.
func TestRebinding(t *testing.T) {
	d, connected := recorder([][]string{{"8.8.8.8"}, {"127.0.0.1"}, {"::ffff:169.254.169.254"}, {"64:ff9b::a00:1"}})
	if _, err := d.DialContext(t.Context(), "tcp", "rebind.example:443"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := d.DialContext(t.Context(), "tcp", "rebind.example:443"); !errors.Is(err, ErrRefused) {
			t.Errorf("rebound: %v", err)
		}
	}
	if got := strings.Join(*connected, " "); got != "8.8.8.8:443" {
		t.Errorf("connected to %s", got)
	}
}

// Of several addresses only those that pass are tried, by their number.
func TestOnlyPassingAddressesAreDialled(t *testing.T) {
	d, connected := recorder([][]string{{"10.0.0.1", "::1", "2606:4700::1", "1.1.1.1"}})
	if _, err := d.DialContext(t.Context(), "tcp", "mixed.example:443"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(*connected, " "); got != "[2606:4700::1]:443" {
		t.Errorf("connected to %s", got)
	}
}

func TestTheMachinesOwnAddressIsRefused(t *testing.T) {
	d, connected := recorder([][]string{{"8.8.4.4"}})
	if _, err := d.DialContext(t.Context(), "tcp", "self.example:443"); !errors.Is(err, ErrRefused) || len(*connected) != 0 {
		t.Errorf("%v, connected to %v", err, *connected)
	}
	d.own = func() ([]net.Addr, error) { return nil, errors.New("not to be had") }
	if _, err := d.DialContext(t.Context(), "tcp", "8.8.8.8:443"); !errors.Is(err, ErrRefused) {
		t.Errorf("passes though nobody knows the machine's addresses: %v", err)
	}
}

func TestWhatIsNoTarget(t *testing.T) {
	d, connected := recorder([][]string{{"8.8.8.8"}})
	for _, c := range [][2]string{
		{"udp", "8.8.8.8:53"}, {"unix", "/run/x"}, {"tcp", "8.8.8.8"}, {"tcp", "8.8.8.8:0"}, {"tcp", "8.8.8.8:https"}, {"tcp", "8.8.8.8:99999"},
	} {
		if _, err := d.DialContext(t.Context(), c[0], c[1]); err == nil {
			t.Errorf("%v connects", c)
		}
	}
	if len(*connected) != 0 {
		t.Errorf("connected to %v", *connected)
	}
}

// The name of a rule counts without regard to case and a final dot.
func TestNamesAreFolded(t *testing.T) {
	d, connected := recorder([][]string{{"10.1.2.3"}}, rules(t, "IdP.Corp.Example.:8443")...)
	if _, err := d.DialContext(t.Context(), "tcp", "idp.CORP.example.:8443"); err != nil {
		t.Error(err)
	}
	if _, err := d.DialContext(t.Context(), "tcp", "idp.corp.example:443"); !errors.Is(err, ErrRefused) {
		t.Errorf("another port: %v", err)
	}
	if len(*connected) != 1 {
		t.Errorf("connected to %v", *connected)
	}
}

func TestConnectIsToThatAddress(t *testing.T) {
	var reached []string
	d := New()
	d.own = func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.IPv4(8, 8, 8, 8), Mask: net.CIDRMask(24, 32)}}, nil
	}
	d.connect = func(_ context.Context, network, address string) (net.Conn, error) {
		reached = append(reached, network+" "+address)
		return nil, nil
	}
	for to, want := range map[string]bool{
		"1.1.1.1:53": true, "[2606:4700::1]:443": true, "8.8.8.8:443": false, "127.0.0.1:80": false, "10.0.0.1:80": false,
		"169.254.169.254:80": false, "[::1]:80": false, "[64:ff9b::7f00:1]:80": false,
	} {
		for _, network := range []string{"tcp", "udp"} {
			reached = nil
			_, err := d.Connect(t.Context(), network, netip.MustParseAddrPort(to))
			if ok := err == nil && len(reached) == 1 && reached[0] == network+" "+to; ok != want || !want && !errors.Is(err, ErrRefused) {
				t.Errorf("%s %s: %v, %v", network, to, reached, err)
			}
		}
	}
	if _, err := d.Connect(t.Context(), "unix", netip.MustParseAddrPort("1.1.1.1:1")); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
	if own, err := d.Own(); err != nil || len(own) != 1 || own[0].String() != "8.8.8.8/32" {
		t.Errorf("%v, %v", own, err)
	}
}
