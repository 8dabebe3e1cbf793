package vtl

import (
	"errors"
	"fmt"
	"strings"
)

// MaxTemplate is how long a template may be (API Gateway's quota: 300 KB).
const MaxTemplate = 300 << 10

const maxNesting = 100

var errNesting = errors.New("the template nests too deep")

// Parse reads a template. Its errors say the line.
func Parse(source string) (*Template, error) {
	if len(source) > MaxTemplate {
		return nil, fmt.Errorf("template is longer than %d bytes", MaxTemplate)
	}
	p := &parser{s: source, macros: map[string]*macro{}, names: macroNames(source)}
	body, end, err := p.block()
	if err == nil && end != "" {
		err = fmt.Errorf("#%s without what it belongs to", end)
	}
	if err != nil {
		return nil, fmt.Errorf("template, line %d: %w", 1+strings.Count(p.s[:min(p.i, len(p.s))], "\n"), err)
	}
	return &Template{body, p.macros}, nil
}

// parser reads a template or a string within one. names are the macros that there
// will be: #name is text where there is none.
type parser struct {
	s      string
	i      int
	depth  int
	macros map[string]*macro
	names  map[string]bool
}

// macroNames finds the macros of a template, which may be called before they are
// defined.
func macroNames(s string) map[string]bool {
	names := map[string]bool{}
	for _, piece := range strings.Split(s, "macro")[1:] {
		p := &parser{s: strings.TrimPrefix(piece, "}")}
		p.space()
		if p.take("(") {
			p.space()
			names[p.word()] = true
		}
	}
	delete(names, "")
	return names
}

func (p *parser) rest() string { return p.s[p.i:] }

func (p *parser) take(t string) bool {
	if strings.HasPrefix(p.rest(), t) {
		p.i += len(t)
		return true
	}
	return false
}

func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *parser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// line passes blanks and the end of a line that follow a directive, if nothing
// else stands there.
func (p *parser) line() {
	at := p.i
	for p.peek() == ' ' || p.peek() == '\t' {
		p.i++
	}
	if !p.take("\r\n") && !p.take("\n") && !p.take("\r") {
		p.i = at
	}
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func isWord(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' || c == '-' }

func (p *parser) word() string {
	at := p.i
	if !isLetter(p.peek()) {
		return ""
	}
	for isWord(p.peek()) {
		p.i++
	}
	return p.s[at:p.i]
}

// enter bounds how deep what is read may nest; the caller calls the function that it gives.
func (p *parser) enter() (leave func(), err error) {
	if p.depth++; p.depth > maxNesting {
		return nil, errNesting
	}
	return func() { p.depth-- }, nil
}

// block reads up to the end of the text, or an #end, #else or #elseif, whose name
// it gives.
func (p *parser) block() (body block, end string, err error) {
	leave, err := p.enter()
	if err != nil {
		return nil, "", err
	}
	defer leave()
	for p.i < len(p.s) {
		n, end, err := p.node()
		if err != nil || end != "" {
			return body, end, err
		}
		if _, isSet := n.(*set); isSet {
			body = body.withoutBlanks()
		}
		body = body.with(n)
	}
	return body, "", nil
}

// with adds a node; texts join.
func (b block) with(n node) block {
	if n == nil {
		return b
	}
	t, isText := n.(text)
	if isText && len(b) > 0 {
		if last, ok := b[len(b)-1].(text); ok {
			b[len(b)-1] = last + t
			return b
		}
	}
	return append(b, n)
}

// withoutBlanks takes away the blanks before a #set on its line.
func (b block) withoutBlanks() block {
	if len(b) > 0 {
		if t, ok := b[len(b)-1].(text); ok {
			b[len(b)-1] = text(strings.TrimRight(string(t), " \t"))
		}
	}
	return b
}

func (p *parser) node() (node, string, error) {
	switch p.peek() {
	case '\\':
		return p.slashes()
	case '$':
		n, err := p.referenceOrText()
		return n, "", err
	case '#':
		return p.hash()
	}
	end := strings.IndexAny(p.rest(), "\\$#")
	if end < 0 {
		end = len(p.rest())
	}
	t := text(p.s[p.i : p.i+end])
	p.i += end
	return t, "", nil
}

// slashes reads backslashes: before a reference or a directive they escape.
func (p *parser) slashes() (node, string, error) {
	at := p.i
	for p.peek() == '\\' {
		p.i++
	}
	n := p.i - at
	switch p.peek() {
	case '$':
		ref, err := p.reference()
		if err != nil {
			return nil, "", err
		}
		if ref != nil {
			return &escaped{n, ref}, "", nil
		}
	case '#':
		if p.directiveAhead() {
			kept := text(strings.Repeat(`\`, n/2))
			if n%2 == 1 {
				p.i++
				kept += "#"
			}
			return kept, "", nil
		}
	}
	return text(strings.Repeat(`\`, n)), "", nil
}

func (p *parser) referenceOrText() (node, error) {
	ref, err := p.reference()
	if err != nil {
		return nil, err
	}
	if ref != nil {
		return ref, nil
	}
	p.i++
	return text("$"), nil
}

// reference reads a reference, or returns nil having read nothing.
func (p *parser) reference() (*reference, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	at := p.i
	p.i++
	ref := &reference{quiet: p.take("!")}
	braces := p.take("{")
	if ref.name = p.word(); ref.name == "" {
		p.i = at
		return nil, nil
	}
	if err := p.parts(ref); err != nil {
		return nil, err
	}
	if braces && !p.take("}") {
		p.i = at
		return nil, nil
	}
	ref.source = p.s[at:p.i]
	return ref, nil
}

func (p *parser) parts(ref *reference) error {
	for {
		at := p.i
		switch {
		case p.take("."):
			name := p.word()
			if name == "" {
				p.i = at
				return nil
			}
			next := part{name: name}
			if p.take("(") {
				next.method = true
				var err error
				if next.args, err = p.list(")"); err != nil {
					return err
				}
			}
			ref.parts = append(ref.parts, next)
		case p.take("["):
			index, err := p.expression()
			if err != nil {
				return err
			}
			p.space()
			if !p.take("]") {
				return errors.New("an index without its ]")
			}
			ref.parts = append(ref.parts, part{args: []expr{index}})
		default:
			return nil
		}
	}
}
