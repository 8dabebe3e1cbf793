package vtl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cloister/internal/gate/tree"
)

// levels are the binary operators, from those that bind least.
var levels = [][]operator{
	{{"||", "||"}, {"or", "||"}},
	{{"&&", "&&"}, {"and", "&&"}},
	{{"==", "=="}, {"!=", "!="}, {"eq", "=="}, {"ne", "!="}},
	{{"<=", "<="}, {">=", ">="}, {"<", "<"}, {">", ">"}, {"le", "<="}, {"ge", ">="}, {"lt", "<"}, {"gt", ">"}},
	{{"+", "+"}, {"-", "-"}},
	{{"*", "*"}, {"/", "/"}, {"%", "%"}},
}

// An operator as it is written, and as it is meant.
type operator struct{ written, meant string }

func (p *parser) expression() (expr, error) { return p.level(0) }

func (p *parser) level(n int) (expr, error) {
	if n == len(levels) {
		return p.unary()
	}
	left, err := p.level(n + 1)
	if err != nil {
		return nil, err
	}
	for chain := 0; ; chain++ {
		op := p.operator(levels[n])
		if op == "" {
			return left, nil
		}
		if chain > maxChain {
			return nil, errNesting
		}
		right, err := p.level(n + 1)
		if err != nil {
			return nil, err
		}
		left = &binary{op, left, right}
	}
}

// maxChain is how many operators may follow one another.
const maxChain = 500

func (p *parser) operator(of []operator) string {
	p.space()
	for _, o := range of {
		at := p.i
		if !p.take(o.written) {
			continue
		}
		if isLetter(o.written[0]) && isWord(p.peek()) {
			p.i = at
			continue
		}
		return o.meant
	}
	return ""
}

func (p *parser) unary() (expr, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	p.space()
	if p.take("!") || p.takeWord("not") {
		of, err := p.unary()
		return &not{of}, err
	}
	return p.primary()
}

func (p *parser) takeWord(w string) bool {
	at := p.i
	if p.word() == w {
		return true
	}
	p.i = at
	return false
}

func (p *parser) primary() (expr, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	p.space()
	switch c := p.peek(); {
	case c == '$':
		ref, err := p.variable()
		if err != nil {
			return nil, err
		}
		return ref, nil
	case c == '"':
		return p.doubleQuoted()
	case c == '\'':
		s, err := p.quoted('\'')
		return &literal{s}, err
	case c == '[':
		return p.listOrRange()
	case c == '{':
		return p.mapping()
	case c == '(':
		p.i++
		return p.parenthesis()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	return p.constant()
}

func (p *parser) parenthesis() (expr, error) {
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	p.space()
	if !p.take(")") {
		return nil, errors.New(") is missing")
	}
	return e, nil
}

func (p *parser) constant() (expr, error) {
	switch w := p.word(); w {
	case "true", "false":
		return &literal{w == "true"}, nil
	case "null":
		return &literal{nil}, nil
	case "":
		return nil, fmt.Errorf("unexpected %q", p.rest()[:min(10, len(p.rest()))])
	default:
		return nil, fmt.Errorf("unexpected %q", w)
	}
}

func (p *parser) number() (expr, error) {
	at := p.i
	p.take("-")
	p.digits()
	whole := p.i
	if p.peek() == '.' && p.i+1 < len(p.s) && p.s[p.i+1] >= '0' && p.s[p.i+1] <= '9' {
		p.i++
		p.digits()
		if p.peek() == 'e' || p.peek() == 'E' {
			p.i++
			p.take("-")
			p.digits()
		}
	}
	written := p.s[at:p.i]
	if p.i > whole {
		f, err := strconv.ParseFloat(written, 64)
		return &literal{f}, err
	}
	n, err := strconv.ParseInt(written, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return &literal{tree.BigNumber(written)}, nil
	}
	return &literal{n}, err
}

func (p *parser) digits() {
	for p.peek() >= '0' && p.peek() <= '9' {
		p.i++
	}
}

// list reads expressions with commas between them, up to its end.
func (p *parser) list(end string) ([]expr, error) {
	var items []expr
	p.space()
	if p.take(end) {
		return nil, nil
	}
	for {
		item, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		p.space()
		if p.take(end) {
			return items, nil
		}
		if !p.take(",") {
			return nil, fmt.Errorf("%s is missing", end)
		}
	}
}

func (p *parser) listOrRange() (expr, error) {
	at := p.i
	p.i++
	p.space()
	if p.peek() != ']' {
		from, err := p.primary()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.take("..") {
			return p.rangeFrom(from)
		}
	}
	p.i = at + 1
	items, err := p.list("]")
	return &listLiteral{items}, err
}

func (p *parser) rangeFrom(from expr) (expr, error) {
	to, err := p.primary()
	if err != nil {
		return nil, err
	}
	p.space()
	if !p.take("]") {
		return nil, errors.New("] is missing")
	}
	return &rangeLiteral{from, to}, nil
}

func (p *parser) mapping() (expr, error) {
	p.i++
	m := &mapLiteral{}
	p.space()
	if p.take("}") {
		return m, nil
	}
	for {
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		p.space()
		if !p.take(":") {
			return nil, errors.New(": is missing")
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		m.keys, m.values = append(m.keys, key), append(m.values, value)
		p.space()
		if p.take("}") {
			return m, nil
		}
		if !p.take(",") {
			return nil, errors.New("} is missing")
		}
	}
}

// key reads a map's key, which may be a plain word.
func (p *parser) key() (expr, error) {
	p.space()
	if w := p.word(); w != "" {
		return &literal{w}, nil
	}
	return p.primary()
}

// quoted reads a string, in which its quote stands twice for itself.
func (p *parser) quoted(quote byte) (string, error) {
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		c := p.s[p.i]
		if c != quote {
			b.WriteByte(c)
			continue
		}
		if p.i++; p.peek() != quote {
			return unicodeEscapes(b.String()), nil
		}
		b.WriteByte(quote)
	}
	return "", errors.New("a string without its end")
}

// unicodeEscapes reads \uXXXX.
func unicodeEscapes(s string) string {
	head, rest, found := strings.Cut(s, `\u`)
	if !found {
		return s
	}
	var b strings.Builder
	b.WriteString(head)
	for _, piece := range strings.Split(rest, `\u`) {
		n := uint64(0)
		err := strconv.ErrSyntax
		if len(piece) >= 4 {
			n, err = strconv.ParseUint(piece[:4], 16, 16)
		}
		if err != nil {
			b.WriteString(`\u` + piece)
			continue
		}
		b.WriteRune(rune(n))
		b.WriteString(piece[4:])
	}
	return b.String()
}

func (p *parser) doubleQuoted() (expr, error) {
	s, err := p.quoted('"')
	if err != nil {
		return nil, err
	}
	if !strings.ContainsAny(s, "$#") {
		return &literal{s}, nil
	}
	inner := &parser{s: s, depth: p.depth, macros: p.macros, names: p.names}
	body, end, err := inner.block()
	if err != nil {
		return nil, err
	}
	if end != "" {
		return nil, fmt.Errorf("#%s in a string", end)
	}
	return &interpolated{body}, nil
}
