package awsapi

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep any decoder follows nested values.
const maxDepth = 100

var (
	errDepth = errors.New("the document is nested too deeply")
	errUTF8  = errors.New("the document is not valid UTF-8")
)

// jsonScanner reads JSON text (RFC 8259) token by token, strictly.
type jsonScanner struct {
	data  []byte
	pos   int
	depth int
}

func (s *jsonScanner) fail() error {
	if s.pos >= len(s.data) {
		return errors.New("unexpected end of the document")
	}
	return fmt.Errorf("unexpected character at offset %d", s.pos)
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *jsonScanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// accept consumes c if it is next.
func (s *jsonScanner) accept(c byte) bool {
	if s.peek() == c && s.pos < len(s.data) {
		s.pos++
		return true
	}
	return false
}

func (s *jsonScanner) expect(c byte) error {
	if !s.accept(c) {
		return s.fail()
	}
	return nil
}

// end checks that nothing follows the document.
func (s *jsonScanner) end() error {
	s.peek()
	if s.pos != len(s.data) {
		return s.fail()
	}
	return nil
}

// literal consumes null, true or false.
func (s *jsonScanner) literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.fail()
	}
	s.pos += len(word)
	return nil
}

// null consumes a null if it is next.
func (s *jsonScanner) null() (bool, error) {
	if s.peek() != 'n' {
		return false, nil
	}
	return true, s.literal("null")
}

// text reads a string. The result aliases the document when it has no escapes.
func (s *jsonScanner) text() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	start := s.pos
	ascii := true
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			raw := s.data[start:s.pos]
			s.pos++
			if !ascii && !utf8.Valid(raw) {
				return nil, errUTF8
			}
			return raw, nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return nil, s.fail()
		case c >= utf8.RuneSelf:
			ascii = false
		}
		s.pos++
	}
	return nil, s.fail()
}

// escaped continues a string at its first escape.
func (s *jsonScanner) escaped(start int) ([]byte, error) {
	out := append(make([]byte, 0, s.pos-start+32), s.data[start:s.pos]...)
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		switch {
		case c == '"':
			s.pos++
			if !utf8.Valid(out) {
				return nil, errUTF8
			}
			return out, nil
		case c < ' ':
			return nil, s.fail()
		case c == '\\':
			var err error
			if out, err = s.escape(out); err != nil {
				return nil, err
			}
		default:
			out = append(out, c)
			s.pos++
		}
	}
	return nil, s.fail()
}

var simpleEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads one escape; a surrogate without its partner becomes U+FFFD.
func (s *jsonScanner) escape(out []byte) ([]byte, error) {
	s.pos++
	if s.pos >= len(s.data) {
		return nil, s.fail()
	}
	c := s.data[s.pos]
	if plain := simpleEscapes[c]; plain != 0 {
		s.pos++
		return append(out, plain), nil
	}
	if c != 'u' {
		return nil, s.fail()
	}
	s.pos++
	r, err := s.hex4()
	if err != nil {
		return nil, err
	}
	if utf16.IsSurrogate(r) {
		r = s.partner(r)
	}
	return utf8.AppendRune(out, r), nil
}

func (s *jsonScanner) hex4() (rune, error) {
	if len(s.data)-s.pos < 4 {
		s.pos = len(s.data)
		return 0, s.fail()
	}
	n, err := strconv.ParseUint(string(s.data[s.pos:s.pos+4]), 16, 32)
	if err != nil {
		return 0, s.fail()
	}
	s.pos += 4
	return rune(n), nil
}

func (s *jsonScanner) partner(high rune) rune {
	at := s.pos
	if at+1 < len(s.data) && s.data[at] == '\\' && s.data[at+1] == 'u' {
		s.pos += 2
		if low, err := s.hex4(); err == nil {
			if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
				return r
			}
		}
	}
	s.pos = at
	return utf8.RuneError
}

// number reads a number's text.
func (s *jsonScanner) number() ([]byte, error) {
	s.peek()
	start := s.pos
	s.skipByte('-')
	if !s.skipByte('0') && !s.skipDigits() {
		return nil, s.fail()
	}
	if s.skipByte('.') && !s.skipDigits() {
		return nil, s.fail()
	}
	if s.skipByte('e') || s.skipByte('E') {
		if !s.skipByte('+') {
			s.skipByte('-')
		}
		if !s.skipDigits() {
			return nil, s.fail()
		}
	}
	return s.data[start:s.pos], nil
}

func (s *jsonScanner) skipByte(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *jsonScanner) skipDigits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

// object reads an object and calls member with each key, positioned at the
// value, which member must consume. The key is only valid during the call.
func (s *jsonScanner) object(member func(key []byte) error) error {
	if err := s.enter('{'); err != nil {
		return err
	}
	if s.accept('}') {
		s.depth--
		return nil
	}
	for {
		s.peek()
		key, err := s.text()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		if more, err := s.more('}'); !more {
			return err
		}
	}
}

// list reads an array and calls item positioned at each value.
func (s *jsonScanner) list(item func() error) error {
	if err := s.enter('['); err != nil {
		return err
	}
	if s.accept(']') {
		s.depth--
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if more, err := s.more(']'); !more {
			return err
		}
	}
}

func (s *jsonScanner) enter(opening byte) error {
	if s.depth++; s.depth > maxDepth {
		return errDepth
	}
	return s.expect(opening)
}

func (s *jsonScanner) more(closing byte) (bool, error) {
	if s.accept(',') {
		return true, nil
	}
	s.depth--
	return false, s.expect(closing)
}

// skip reads over one value of any kind.
func (s *jsonScanner) skip() error {
	switch s.peek() {
	case '{':
		return s.object(func([]byte) error { return s.skip() })
	case '[':
		return s.list(s.skip)
	case '"':
		_, err := s.text()
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	_, err := s.number()
	return err
}
