package tree

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Path is a parsed JSONPath. It is safe for concurrent use.
type Path struct {
	steps []step
	// definite paths mean one place; the others any number.
	definite bool
	function string // of what was found, at the end; "" for none
}

// maxPath is how long a path may be, maxFound how many places one may visit.
const (
	maxPath  = 4 << 10
	maxFound = 100_000
)

// ErrTooMuch is what a path that visits too many places ends with.
var ErrTooMuch = errors.New("the path means too many places")

// A step finds places below one place.
type step interface {
	below(w *walk, v any)
}

// walk is one evaluation of one step: what it found, how much of the bound is left.
type walk struct {
	root  any
	found []any
	left  *int
}

func (w *walk) add(v any) {
	if *w.left--; *w.left >= 0 {
		w.found = append(w.found, v)
	}
}

// Find evaluates the path. found is false if a definite path leads nowhere; an
// indefinite one always gives a list.
func (p *Path) Find(root any) (v any, found bool, err error) {
	left := maxFound
	return p.find(root, root, &left)
}

func (p *Path) find(root, from any, left *int) (any, bool, error) {
	at := []any{from}
	for _, s := range p.steps {
		w := &walk{root: root, left: left}
		for _, v := range at {
			s.below(w, v)
		}
		if *left < 0 {
			return nil, false, ErrTooMuch
		}
		at = w.found
	}
	if !p.definite {
		return applied(p.function, &List{Items: at}, true)
	}
	if len(at) == 0 {
		return nil, false, nil
	}
	return applied(p.function, at[0], true)
}

// ParsePath reads a JSONPath: $, members, indices, slices, unions, wildcards, descents,
// filters, and the functions length(), size(), min(), max(), sum(), avg(), keys().
func ParsePath(s string) (*Path, error) {
	if len(s) > maxPath {
		return nil, errors.New("the path is too long")
	}
	p := &pathParser{s: strings.TrimSpace(s)}
	if !p.take("$") {
		// Jayway reads what has no root as being below it.
		p.s = "$." + p.s
		p.i = 1
	}
	path, err := p.path()
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", s, err)
	}
	if p.i < len(p.s) {
		return nil, fmt.Errorf("path %q: unexpected %q", s, p.s[p.i:])
	}
	return path, nil
}

type pathParser struct {
	s     string
	i     int
	depth int
}

var errPath = errors.New("cannot be read")

func (p *pathParser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *pathParser) take(t string) bool {
	if strings.HasPrefix(p.s[p.i:], t) {
		p.i += len(t)
		return true
	}
	return false
}

func (p *pathParser) space() {
	for p.peek() == ' ' || p.peek() == '\t' {
		p.i++
	}
}

// path reads steps up to what is none.
func (p *pathParser) path() (*Path, error) {
	path := &Path{definite: true}
	for p.peek() == '.' || p.peek() == '[' {
		if f := p.functionCall(); f != "" {
			path.function = f
			return path, nil
		}
		if err := p.step(path); err != nil {
			return nil, err
		}
	}
	return path, nil
}

var functions = []string{"length", "size", "min", "max", "sum", "avg", "keys", "first", "last"}

func (p *pathParser) functionCall() string {
	for _, f := range functions {
		if p.take("." + f + "()") {
			return f
		}
	}
	return ""
}

func (p *pathParser) step(path *Path) error {
	switch {
	case p.take(".."):
		path.definite = false
		path.steps = append(path.steps, descent{})
		if p.peek() == '[' {
			return p.bracket(path)
		}
		return p.member(path)
	case p.take("."):
		return p.member(path)
	}
	return p.bracket(path)
}

func (p *pathParser) member(path *Path) error {
	if p.take("*") {
		path.add(wildcard{}, false)
		return nil
	}
	end := strings.IndexAny(p.s[p.i:], ".[]()=!<>&|,? \t")
	if end < 0 {
		end = len(p.s) - p.i
	}
	if end == 0 {
		return errPath
	}
	path.add(members{p.s[p.i : p.i+end]}, true)
	p.i += end
	return nil
}

func (path *Path) add(s step, definite bool) {
	path.steps = append(path.steps, s)
	path.definite = path.definite && definite
}

func (p *pathParser) bracket(path *Path) error {
	p.i++
	p.space()
	switch c := p.peek(); {
	case c == '*':
		p.i++
		path.add(wildcard{}, false)
	case c == '?':
		p.i++
		f, err := p.filter()
		if err != nil {
			return err
		}
		path.add(f, false)
	case c == '\'' || c == '"':
		names, err := p.names()
		if err != nil {
			return err
		}
		path.add(names, len(names) == 1)
	default:
		if err := p.places(path); err != nil {
			return err
		}
	}
	p.space()
	if !p.take("]") {
		return errPath
	}
	return nil
}

func (p *pathParser) names() (members, error) {
	var names members
	for {
		p.space()
		name, err := p.quoted()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		p.space()
		if !p.take(",") {
			return names, nil
		}
	}
}

func (p *pathParser) quoted() (string, error) {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", errPath
	}
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == quote:
			p.i++
			return b.String(), nil
		case c == '\\' && p.i+1 < len(p.s):
			p.i++
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
	}
	return "", errPath
}

// places reads indices and slices.
func (p *pathParser) places(path *Path) error {
	end := strings.IndexByte(p.s[p.i:], ']')
	if end < 0 {
		return errPath
	}
	text := p.s[p.i : p.i+end]
	p.i += end
	if from, to, ok := strings.Cut(text, ":"); ok {
		s, err := parseSlice(from, to)
		path.add(s, false)
		return err
	}
	var at indices
	for _, n := range strings.Split(text, ",") {
		i, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil {
			return errPath
		}
		at = append(at, i)
	}
	path.add(at, len(at) == 1)
	return nil
}

func parseSlice(from, to string) (slice, error) {
	var s slice
	for _, end := range []struct {
		text string
		to   **int
	}{{from, &s.from}, {to, &s.to}} {
		if text := strings.TrimSpace(end.text); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return s, errPath
			}
			*end.to = &n
		}
	}
	return s, nil
}
