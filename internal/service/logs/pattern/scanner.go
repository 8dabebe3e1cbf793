package pattern

import "strings"

// scanner reads a pattern from left to right.
type scanner struct {
	text    string
	at      int
	regexes int // how many it has read
}

func (s *scanner) done() bool { return s.at >= len(s.text) }

// peek is the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.done() {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) space() {
	for !s.done() && isSpace(s.text[s.at]) {
		s.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// take skips a token if it is next.
func (s *scanner) take(token string) bool {
	if !strings.HasPrefix(s.text[s.at:], token) {
		return false
	}
	s.at += len(token)
	return true
}

// until takes what comes before the next space or one of the stops.
func (s *scanner) until(stops string) string {
	from := s.at
	for !s.done() && !isSpace(s.text[s.at]) && strings.IndexByte(stops, s.text[s.at]) < 0 {
		s.at++
	}
	return s.text[from:s.at]
}

// delimited takes a text between two quotes, the first of which is next. A
// backslash keeps the quote behind it; it stays in the text if keep.
func (s *scanner) delimited(quote byte, keep bool) (string, error) {
	from := s.at
	s.at++
	var b strings.Builder
	for ; !s.done(); s.at++ {
		c := s.text[s.at]
		switch {
		case c == quote:
			s.at++
			return b.String(), nil
		case c == '\\' && s.at+1 < len(s.text):
			s.at++
			if next := s.text[s.at]; keep || next != quote && next != '\\' {
				b.WriteByte(c)
			}
			c = s.text[s.at]
		}
		b.WriteByte(c)
	}
	s.at = from
	return "", s.wrong("the " + string(quote) + " is not closed")
}

func (s *scanner) wrong(reason string) error { return &SyntaxError{s.at + 1, reason} }

// end is the error of what follows the end of a pattern.
func (s *scanner) end() error {
	s.space()
	if !s.done() {
		return s.wrong("something follows the end of the pattern")
	}
	return nil
}
