package egress

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	mostAnswers  = 16
	longestTTL   = time.Hour
	plainDNSSize = 512  // what a program takes by UDP unless it says more; RFC 1035
	largestDNS   = 1232 // more is not sent by UDP, whatever a program takes
)

// query is a question as far as this answers one.
type query struct {
	header   dnsmessage.Header
	question dnsmessage.Question
	edns     bool
	size     int // bytes that the asking side takes by UDP
}

// answer is the reply to a message, of at most limit bytes, or nil if it is none
// that can be replied to. limit 0 stands for what the message says.
func (s *Stack) answer(ctx context.Context, message []byte, limit int) []byte {
	q, code, ok := parseQuery(message)
	if !ok {
		return nil
	}
	if limit == 0 {
		limit = q.size
	}
	var found Answer
	if code == dnsmessage.RCodeSuccess {
		found, code = s.resolve(ctx, q.question)
	}
	return reply(q, code, found, limit)
}

// parseQuery reads a message. Its code says why it is not answered; not ok means
// that nothing is sent back.
func parseQuery(message []byte) (q query, code dnsmessage.RCode, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || h.Response {
		return q, 0, false
	}
	q.header, q.size = h, plainDNSSize
	if h.OpCode != 0 {
		return q, dnsmessage.RCodeNotImplemented, true
	}
	questions, err := p.AllQuestions()
	if err != nil || len(questions) != 1 {
		return q, dnsmessage.RCodeFormatError, true
	}
	q.question = questions[0]
	if q.question.Class != dnsmessage.ClassINET {
		return q, dnsmessage.RCodeRefused, true
	}
	q.readEDNS(&p)
	return q, dnsmessage.RCodeSuccess, true
}

// readEDNS looks for the size that the asking side takes; RFC 6891.
func (q *query) readEDNS(p *dnsmessage.Parser) {
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return
	}
	for {
		h, err := p.AdditionalHeader()
		if err != nil {
			return
		}
		if h.Type == dnsmessage.TypeOPT {
			q.edns = true
			q.size = min(max(int(h.Class), plainDNSSize), largestDNS)
			return
		}
		if p.SkipAdditional() != nil {
			return
		}
	}
}

// resolve asks the Egress, and remembers what it said. Other kinds than addresses
// no name has.
func (s *Stack) resolve(ctx context.Context, q dnsmessage.Question) (Answer, dnsmessage.RCode) {
	six := q.Type == dnsmessage.TypeAAAA
	if q.Type != dnsmessage.TypeA && !six || six && !s.net.Address6.IsValid() {
		return Answer{}, dnsmessage.RCodeSuccess
	}
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	if !isHostName(name) {
		return Answer{}, dnsmessage.RCodeNameError
	}
	found, err := s.net.Egress.Resolve(ctx, Question{Name: name, IPv6: six})
	switch {
	case errors.Is(err, ErrDenied), errors.Is(err, ErrNoName):
		return Answer{}, dnsmessage.RCodeNameError
	case err != nil:
		return Answer{}, dnsmessage.RCodeServerFailure
	}
	found.Addrs = usable(found.Addrs, six)
	s.names.add(name, found.Addrs, found.TTL)
	return found, dnsmessage.RCodeSuccess
}

// usable are the addresses of a kind that a cell may reach at all. A name that
// leads to others is the oldest way around rules about addresses.
func usable(addrs []netip.Addr, six bool) []netip.Addr {
	var list []netip.Addr
	for _, a := range addrs {
		if !Unreachable(a) && a.Unmap().Is6() == six && len(list) < mostAnswers {
			list = append(list, a.Unmap())
		}
	}
	return list
}

func isHostName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// reply writes an answer; if it is larger than limit, only that it is.
func reply(q query, code dnsmessage.RCode, a Answer, limit int) []byte {
	b, err := write(q, code, a, false)
	if err == nil && len(b) > limit {
		b, err = write(q, code, Answer{}, true)
	}
	if err != nil {
		return nil
	}
	return b
}

func write(q query, code dnsmessage.RCode, a Answer, truncated bool) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: q.header.ID, Response: true, RCode: code, OpCode: q.header.OpCode, Truncated: truncated,
		RecursionDesired: q.header.RecursionDesired, RecursionAvailable: true,
	})
	b.EnableCompression()
	if q.question.Type != 0 {
		if err := errors.Join(b.StartQuestions(), b.Question(q.question)); err != nil {
			return nil, err
		}
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	for _, addr := range a.Addrs {
		if err := writeAddr(&b, q.question, addr, a.TTL); err != nil {
			return nil, err
		}
	}
	if q.edns {
		var h dnsmessage.ResourceHeader
		if err := errors.Join(h.SetEDNS0(largestDNS, code, false), b.StartAdditionals(), b.OPTResource(h, dnsmessage.OPTResource{})); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

func writeAddr(b *dnsmessage.Builder, q dnsmessage.Question, addr netip.Addr, ttl time.Duration) error {
	h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: uint32(min(max(ttl, 0), longestTTL) / time.Second)}
	if addr.Is4() {
		return b.AResource(h, dnsmessage.AResource{A: addr.As4()})
	}
	return b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: addr.As16()})
}

// failure is the reply to a message that there was no room to look at.
func failure(message []byte) []byte {
	q, _, ok := parseQuery(message)
	if !ok {
		return nil
	}
	return reply(q, dnsmessage.RCodeServerFailure, Answer{}, q.size)
}
