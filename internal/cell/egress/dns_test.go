package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// book resolves from a map, and connects nobody.
type book map[string][]string

func (b book) Connect(context.Context, Flow) (net.Conn, error) { return nil, ErrDenied }

func (b book) Resolve(_ context.Context, q Question) (Answer, error) {
	switch q.Name {
	case "denied.example":
		return Answer{}, ErrDenied
	case "broken.example":
		return Answer{}, errors.New("broken")
	}
	list, ok := b[q.Name]
	if !ok {
		return Answer{}, ErrNoName
	}
	a := Answer{TTL: 90 * time.Second}
	for _, text := range list {
		a.Addrs = append(a.Addrs, netip.MustParseAddr(text))
	}
	return a, nil
}

func bookStack(b book) *Stack {
	return &Stack{net: Network{Egress: b, Address6: netip.MustParseAddr("fd12::2")}}
}

var aBook = book{
	"one.example": {"198.51.100.1", "2001:db8::1"},
	"bad.example": {"127.0.0.1", "169.254.169.254", "198.51.100.9", "::ffff:10.0.0.1", "::1", "fd00:ec2::254"},
	"big.example": slices.Repeat([]string{"2001:db8::1", "2001:db8::2"}, 20),
}

func ask(t testing.TB, s *Stack, name string, kind dnsmessage.Type, change func(*dnsmessage.Message)) dnsmessage.Message {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	if change != nil {
		change(&m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var got dnsmessage.Message
	if err := got.Unpack(s.answer(t.Context(), b, 0)); err != nil {
		t.Fatal(err)
	}
	if got.ID != 7 || !got.Response {
		t.Errorf("%s: header %+v", name, got.Header)
	}
	return got
}

func addrsIn(m dnsmessage.Message) string {
	var list []string
	for _, r := range m.Answers {
		switch body := r.Body.(type) {
		case *dnsmessage.AResource:
			list = append(list, netip.AddrFrom4(body.A).String())
		case *dnsmessage.AAAAResource:
			list = append(list, netip.AddrFrom16(body.AAAA).String())
		}
	}
	return strings.Join(list, " ")
}

func TestAnswers(t *testing.T) {
	s := bookStack(aBook)
	for _, c := range []struct {
		name string
		kind dnsmessage.Type
		code dnsmessage.RCode
		want string
	}{
		{"one.example.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, "198.51.100.1"},
		{"ONE.Example.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, "198.51.100.1"},
		{"one.example.", dnsmessage.TypeAAAA, dnsmessage.RCodeSuccess, "2001:db8::1"},
		{"one.example.", dnsmessage.TypeTXT, dnsmessage.RCodeSuccess, ""},
		{"one.example.", dnsmessage.TypeMX, dnsmessage.RCodeSuccess, ""},
		{"one.example.", dnsmessage.Type(65), dnsmessage.RCodeSuccess, ""},
		{"bad.example.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, "198.51.100.9 10.0.0.1"},
		{"bad.example.", dnsmessage.TypeAAAA, dnsmessage.RCodeSuccess, ""},
		{"denied.example.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{"other.example.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{"broken.example.", dnsmessage.TypeA, dnsmessage.RCodeServerFailure, ""},
		{"a b.example.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{"1.100.51.198.in-addr.arpa.", dnsmessage.TypePTR, dnsmessage.RCodeSuccess, ""},
		{".", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
	} {
		got := ask(t, s, c.name, c.kind, nil)
		if got.RCode != c.code || addrsIn(got) != c.want {
			t.Errorf("%s %s: %s %q", c.name, c.kind, got.RCode, addrsIn(got))
		}
	}
	if got := ask(t, s, "one.example.", dnsmessage.TypeA, nil); got.Answers[0].Header.TTL != 90 || got.Answers[0].Header.Name.String() != "one.example." {
		t.Errorf("%+v", got.Answers[0].Header)
	}
	if s.net.Address6 = (netip.Addr{}); addrsIn(ask(t, s, "one.example.", dnsmessage.TypeAAAA, nil)) != "" {
		t.Error("a cell without IPv6 is told IPv6 addresses")
	}
}

// What does not fit is said to be too long, as far as the program's own limit goes.
func TestLargeAnswers(t *testing.T) {
	s := bookStack(aBook)
	if got := ask(t, s, "big.example.", dnsmessage.TypeAAAA, nil); !got.Truncated && len(got.Answers) != mostAnswers {
		t.Errorf("%+v", got.Header)
	}
	small := ask(t, s, strings.Repeat(strings.Repeat("x", 60)+".", 4), dnsmessage.TypeA, nil)
	if small.RCode != dnsmessage.RCodeNameError {
		t.Errorf("%+v", small.Header)
	}
	long := strings.Repeat(strings.Repeat("y", 60)+".", 4)
	s.net.Egress.(book)[strings.TrimSuffix(long, ".")] = aBook["big.example"]
	if got := ask(t, s, long, dnsmessage.TypeAAAA, nil); !got.Truncated || len(got.Answers) != 0 {
		t.Errorf("%+v with %d answers", got.Header, len(got.Answers))
	}
	edns := func(m *dnsmessage.Message) {
		var h dnsmessage.ResourceHeader
		h.SetEDNS0(4096, dnsmessage.RCodeSuccess, false)
		m.Additionals = append(m.Additionals, dnsmessage.Resource{Header: h, Body: &dnsmessage.OPTResource{}})
	}
	if got := ask(t, s, long, dnsmessage.TypeAAAA, edns); got.Truncated || len(got.Answers) != mostAnswers || len(got.Additionals) != 1 {
		t.Errorf("with EDNS: %+v with %d answers", got.Header, len(got.Answers))
	}
}

func TestOddQuestions(t *testing.T) {
	s := bookStack(aBook)
	for name, c := range map[string]struct {
		change func(*dnsmessage.Message)
		code   dnsmessage.RCode
	}{
		"no question":   {func(m *dnsmessage.Message) { m.Questions = nil }, dnsmessage.RCodeFormatError},
		"two questions": {func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }, dnsmessage.RCodeFormatError},
		"class":         {func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS }, dnsmessage.RCodeRefused},
		"update":        {func(m *dnsmessage.Message) { m.OpCode = 5 }, dnsmessage.RCodeNotImplemented},
	} {
		if got := ask(t, s, "one.example.", dnsmessage.TypeA, c.change); got.RCode != c.code || len(got.Answers) != 0 {
			t.Errorf("%s: %+v", name, got.Header)
		}
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true}}
	b, _ := m.Pack()
	if s.answer(t.Context(), b, 0) != nil || s.answer(t.Context(), []byte("x"), 0) != nil {
		t.Error("what is no question is answered")
	}
}

// Names are remembered for the addresses they led to, for their time, and the last
// one first.
func TestNamesAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n names
		a, b := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
		n.add("x", []netip.Addr{a, b}, 0)
		time.Sleep(30 * time.Second)
		n.add("y", []netip.Addr{a}, time.Hour*24)
		n.add("z", []netip.Addr{a}, 5*time.Minute)
		expect := func(addr netip.Addr, want ...string) {
			t.Helper()
			if got := n.get(addr); !slices.Equal(got, want) {
				t.Errorf("%v, not %v", got, want)
			}
		}
		expect(a, "z", "y", "x")
		expect(b, "x")
		time.Sleep(shortestNames - 30*time.Second)
		expect(a, "z", "y")
		expect(b)
		time.Sleep(5 * time.Minute)
		expect(a, "y")
		time.Sleep(longestNames)
		expect(a)
	})
}

// However many names a program asks for, no more is kept than the bound, and what
// was answered last is there.
func TestNamesAreBounded(t *testing.T) {
	var all names
	for i := range mostAddrs + 100 {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		all.add("x", []netip.Addr{a}, time.Minute)
		if len(all.get(a)) != 1 {
			t.Fatal("the last one is not there")
		}
	}
	if len(all.of) > mostAddrs {
		t.Fatal(len(all.of))
	}
	var n names
	a := netip.MustParseAddr("198.51.100.1")
	for i := range 2 * mostPerAddr {
		n.add(strings.Repeat("x", i+1), []netip.Addr{a}, time.Minute)
	}
	if got := n.get(a); len(got) != mostPerAddr || got[0] != strings.Repeat("x", 2*mostPerAddr) {
		t.Error(got)
	}
}

// FuzzAnswer: whatever a program sends as DNS, the reply is a message with the
// same number, within the limit, and tells no address that cells do not reach.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"one.example.", "bad.example.", "denied.example.", "."} {
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-3])
	}
	f.Add([]byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\xc0\x0c\x00\x01\x00\x01"))
	s := bookStack(aBook)
	f.Fuzz(func(t *testing.T, message []byte) {
		b := s.answer(t.Context(), message, 0)
		if b == nil {
			return
		}
		var got dnsmessage.Message
		if err := got.Unpack(b); err != nil {
			t.Fatalf("the reply is no message: %v", err)
		}
		if len(b) > largestDNS || b[0] != message[0] || b[1] != message[1] || !got.Response {
			t.Errorf("%d bytes, %+v", len(b), got.Header)
		}
		for _, text := range strings.Fields(addrsIn(got)) {
			if Unreachable(netip.MustParseAddr(text)) {
				t.Errorf("tells of %s", text)
			}
		}
	})
}
