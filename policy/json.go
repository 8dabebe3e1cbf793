package policy

import (
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds nesting: a policy needs 6, so anything deeper is no policy.
const maxDepth = 16

// node is a JSON value that remembers where it stood. encoding/json is not
// used because it drops positions, keeps the last of two equal keys and
// matches names without regard to case.
type node struct {
	kind    byte   // one of { [ " 0 t f n
	at, end int    // its first byte, and the one behind its last
	text    string // of a string its value; of a number or literal its text
	members []member
	items   []node
}

type member struct {
	name    string
	at, end int // of the name, with its quotes
	value   node
}

// fault is an error at a byte offset, before it is given a line and a column.
type fault struct {
	at     int
	reason string
}

func (f *fault) Error() string { return f.reason }

func faultf(at int, format string, args ...any) error {
	return &fault{at, fmt.Sprintf(format, args...)}
}

type reader struct {
	text  []byte
	at    int
	depth int
}

// readJSON reads exactly one JSON value (RFC 8259).
func readJSON(text []byte) (node, error) {
	r := &reader{text: text}
	r.space()
	n, err := r.value()
	if err != nil {
		return node{}, err
	}
	if r.space(); r.at < len(text) {
		return node{}, faultf(r.at, "text after the end of the policy")
	}
	return n, nil
}

func (r *reader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end. A 0 in the text is no JSON either.
func (r *reader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *reader) unexpected(wanted string) error {
	if r.at >= len(r.text) {
		return faultf(len(r.text), "the text ends where %s must follow", wanted)
	}
	c, _ := utf8.DecodeRune(r.text[r.at:])
	return faultf(r.at, "found %q where %s must stand", c, wanted)
}

func (r *reader) value() (node, error) {
	if r.depth++; r.depth > maxDepth {
		return node{}, faultf(r.at, "nested more than %d deep", maxDepth)
	}
	defer func() { r.depth-- }()
	n, err := r.bare()
	n.end = r.at
	return n, err
}

// bare reads a value and leaves its end to be noted.
func (r *reader) bare() (node, error) {
	switch c := r.peek(); {
	case c == '{':
		return r.object()
	case c == '[':
		return r.array()
	case c == '"':
		at := r.at
		s, err := r.string()
		return node{kind: '"', at: at, text: s}, err
	case c == '-' || digit(c):
		return r.number()
	default:
		return r.literal()
	}
}

func (r *reader) literal() (node, error) {
	for _, word := range []string{"true", "false", "null"} {
		end := r.at + len(word)
		if end <= len(r.text) && string(r.text[r.at:end]) == word {
			n := node{kind: word[0], at: r.at, text: word}
			r.at = end
			return n, nil
		}
	}
	return node{}, r.unexpected("a JSON value")
}

func (r *reader) number() (node, error) {
	start := r.at
	if r.peek() == '-' {
		r.at++
	}
	whole := r.at
	if !r.digits() {
		return node{}, r.unexpected("a digit")
	}
	if r.text[whole] == '0' && r.at > whole+1 {
		return node{}, faultf(whole, "a number must not begin with 0")
	}
	if r.peek() == '.' {
		if r.at++; !r.digits() {
			return node{}, r.unexpected("a digit")
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.at++
		if c := r.peek(); c == '+' || c == '-' {
			r.at++
		}
		if !r.digits() {
			return node{}, r.unexpected("a digit")
		}
	}
	return node{kind: '0', at: start, text: string(r.text[start:r.at])}, nil
}

func (r *reader) digits() bool {
	start := r.at
	for digit(r.peek()) {
		r.at++
	}
	return r.at > start
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func (r *reader) array() (node, error) {
	n := node{kind: '[', at: r.at}
	r.at++
	r.space()
	if r.peek() == ']' {
		r.at++
		return n, nil
	}
	for {
		item, err := r.value()
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
		more, err := r.next(']')
		if !more {
			return n, err
		}
	}
}

func (r *reader) object() (node, error) {
	n := node{kind: '{', at: r.at}
	seen := map[string]bool{}
	r.at++
	r.space()
	if r.peek() == '}' {
		r.at++
		return n, nil
	}
	for {
		m, err := r.member()
		if err != nil {
			return n, err
		}
		if seen[m.name] {
			return n, faultf(m.at, "%q stands twice in the same object", m.name)
		}
		seen[m.name] = true
		n.members = append(n.members, m)
		more, err := r.next('}')
		if !more {
			return n, err
		}
	}
}

func (r *reader) member() (m member, err error) {
	m.at = r.at
	if r.peek() != '"' {
		return m, r.unexpected("a name in double quotes")
	}
	if m.name, err = r.string(); err != nil {
		return m, err
	}
	m.end = r.at
	if r.space(); r.peek() != ':' {
		return m, r.unexpected("':'")
	}
	r.at++
	r.space()
	m.value, err = r.value()
	return m, err
}

// next passes a comma, or the closing bracket: then there is no more.
func (r *reader) next(closing byte) (more bool, err error) {
	r.space()
	switch r.peek() {
	case closing:
		r.at++
		return false, nil
	case ',':
		r.at++
		r.space()
		return true, nil
	}
	return false, r.unexpected(fmt.Sprintf("',' or '%c'", closing))
}
