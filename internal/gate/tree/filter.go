package tree

import (
	"regexp"
	"strings"
)

// filter finds the elements for which an expression is true.
type filter struct{ holds condition }

func (f filter) below(w *walk, v any) {
	l, ok := v.(*List)
	if !ok {
		if f.holds(w, v) {
			w.add(v)
		}
		return
	}
	for _, item := range l.Items {
		if *w.left--; *w.left < 0 {
			return
		}
		if f.holds(w, item) {
			w.add(item)
		}
	}
}

// A condition is a part of a filter: true or false for one element.
type condition func(w *walk, at any) bool

// An operand is one side of a comparison. found is false for a path that leads nowhere.
type operand func(w *walk, at any) (v any, found bool)

func (p *pathParser) filter() (filter, error) {
	p.space()
	if !p.take("(") {
		return filter{}, errPath
	}
	c, err := p.either()
	if err != nil {
		return filter{}, err
	}
	p.space()
	if !p.take(")") {
		return filter{}, errPath
	}
	return filter{c}, nil
}

func (p *pathParser) either() (condition, error) {
	c, err := p.both()
	for err == nil {
		p.space()
		if !p.take("||") {
			return c, nil
		}
		var d condition
		a := c
		d, err = p.both()
		c = func(w *walk, at any) bool { return a(w, at) || d(w, at) }
	}
	return nil, err
}

func (p *pathParser) both() (condition, error) {
	c, err := p.single()
	for err == nil {
		p.space()
		if !p.take("&&") {
			return c, nil
		}
		var d condition
		a := c
		d, err = p.single()
		c = func(w *walk, at any) bool { return a(w, at) && d(w, at) }
	}
	return nil, err
}

const maxFilterDepth = 32

func (p *pathParser) single() (condition, error) {
	if p.depth++; p.depth > maxFilterDepth {
		return nil, errDeep
	}
	defer func() { p.depth-- }()
	p.space()
	if p.take("!") {
		c, err := p.single()
		return func(w *walk, at any) bool { return !c(w, at) }, err
	}
	if p.take("(") {
		c, err := p.either()
		if err != nil {
			return nil, err
		}
		p.space()
		if !p.take(")") {
			return nil, errPath
		}
		return c, nil
	}
	return p.comparison()
}

var comparisons = []string{"==", "!=", "<=", ">=", "=~", "<", ">", "in", "nin", "contains"}

func (p *pathParser) comparison() (condition, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.space()
	for _, op := range comparisons {
		if p.take(op) {
			return p.compared(left, op)
		}
	}
	return func(w *walk, at any) bool { _, found := left(w, at); return found }, nil
}

func (p *pathParser) compared(left operand, op string) (condition, error) {
	p.space()
	if op == "=~" {
		return p.matched(left)
	}
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	return func(w *walk, at any) bool {
		a, foundA := left(w, at)
		b, foundB := right(w, at)
		if !foundA || !foundB {
			return op == "!=" && foundA != foundB
		}
		if isDocument(a) || isDocument(b) {
			*w.left -= deepComparison
		}
		return *w.left >= 0 && compare(op, a, b)
	}, nil
}

// deepComparison is how many places the comparison of two documents counts as.
const deepComparison = 1000

func isDocument(v any) bool {
	switch v.(type) {
	case *Map, *List:
		return true
	}
	return false
}

func compare(op string, a, b any) bool {
	switch op {
	case "==":
		return Equal(a, b)
	case "!=":
		return !Equal(a, b)
	case "in":
		return within(b, a)
	case "nin":
		return !within(b, a)
	case "contains":
		s, okS := a.(string)
		part, okPart := b.(string)
		return within(a, b) || (okS && okPart && strings.Contains(s, part))
	}
	n, ok := order(a, b)
	return ok && ((n < 0 && op[0] == '<') || (n > 0 && op[0] == '>') || (n == 0 && len(op) == 2))
}

func within(list, v any) bool {
	l, ok := list.(*List)
	if !ok {
		return false
	}
	for _, item := range l.Items {
		if Equal(item, v) {
			return true
		}
	}
	return false
}

// matched reads /pattern/i.
func (p *pathParser) matched(left operand) (condition, error) {
	if !p.take("/") {
		return nil, errPath
	}
	end := strings.IndexByte(p.s[p.i:], '/')
	if end < 0 {
		return nil, errPath
	}
	pattern := p.s[p.i : p.i+end]
	p.i += end + 1
	if p.take("i") {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, errPath
	}
	return func(w *walk, at any) bool {
		v, _ := left(w, at)
		s, ok := v.(string)
		return ok && re.MatchString(s)
	}, nil
}

func (p *pathParser) operand() (operand, error) {
	switch c := p.peek(); {
	case c == '@' || c == '$':
		p.i++
		path, err := p.path()
		if err != nil {
			return nil, err
		}
		return path.operand(c == '$'), nil
	case c == '\'' || c == '"':
		s, err := p.quoted()
		return constant(s), err
	case c == '[':
		return p.list()
	}
	end := strings.IndexAny(p.s[p.i:], " \t)=!<>&|,]")
	if end <= 0 {
		return nil, errPath
	}
	v, err := Parse([]byte(p.s[p.i : p.i+end]))
	if err != nil {
		return nil, errPath
	}
	p.i += end
	return constant(v), nil
}

// list reads a literal list of values without paths.
func (p *pathParser) list() (operand, error) {
	p.i++
	l := &List{}
	for {
		p.space()
		if p.take("]") {
			return constant(l), nil
		}
		if c := p.peek(); c == '[' || c == '@' || c == '$' {
			return nil, errPath
		}
		item, err := p.operand()
		if err != nil {
			return nil, err
		}
		v, _ := item(nil, nil)
		l.Items = append(l.Items, v)
		p.space()
		if !p.take(",") && p.peek() != ']' {
			return nil, errPath
		}
	}
}

func constant(v any) operand { return func(*walk, any) (any, bool) { return v, true } }

func (path *Path) operand(fromRoot bool) operand {
	return func(w *walk, at any) (any, bool) {
		if fromRoot {
			at = w.root
		}
		v, found, err := path.find(w.root, at, w.left)
		return v, found && err == nil
	}
}
