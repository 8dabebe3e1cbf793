package lint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"cloister/policy"
)

// MaxSize is the size of the longest text that is looked at, in bytes: above
// AWS's longest policies.
const MaxSize = 256 << 10

// maxFindings bounds what is told of one text.
const maxFindings = 500

// Check returns what is wrong with a policy of a kind, in the order of the text;
// nil when nothing is. A text longer than MaxSize is an error and not looked at.
func Check(kind policy.Kind, text []byte) []Finding {
	c := newChecker(kind, text)
	if len(text) > MaxSize {
		c.report("CLOISTER_NOT_A_POLICY", []Location{c.location(value{Node: policy.Node{}})}, fmt.Sprintf("it has more than %d bytes", MaxSize))
		return c.findings
	}
	root, err := policy.ReadJSON(text)
	if err != nil {
		c.syntax(err)
		return c.findings
	}
	c.document(value{Node: root})
	c.meaning(value{Node: root})
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Compare(a.Locations[0].Span.Start.Offset, b.Locations[0].Span.Start.Offset)
	})
	return c.findings
}

// checker looks at one policy.
type checker struct {
	kind      policy.Kind
	text      []byte
	lines     []int // where each begins, in bytes
	marks     []int // characters before every 64th byte
	version   string
	sids      map[string]bool
	refused   bool // a finding is of type Error
	findings  []Finding
	remaining int // steps that comparing lists may still take
}

// markEvery is the distance of marks.
const markEvery = 64

func newChecker(kind policy.Kind, text []byte) *checker {
	c := &checker{kind: kind, text: text, sids: map[string]bool{}, lines: []int{0}, remaining: 10_000_000}
	characters := 0
	for i, b := range text {
		if i%markEvery == 0 {
			c.marks = append(c.marks, characters)
		}
		if utf8.RuneStart(b) {
			characters++
		}
		if b == '\n' {
			c.lines = append(c.lines, i+1)
		}
	}
	c.marks = append(c.marks, characters)
	return c
}

// characters is how many begin before a byte.
func (c *checker) characters(at int) int {
	n := c.marks[at/markEvery]
	for _, b := range c.text[at/markEvery*markEvery : at] {
		if utf8.RuneStart(b) {
			n++
		}
	}
	return n
}

// report adds a finding of a code about some parts, the most telling first.
func (c *checker) report(code string, where []Location, args ...any) {
	r, ok := rules[code]
	if !ok {
		panic("lint: no rule " + code) // part of the program
	}
	c.refused = c.refused || r.kind == Error
	if len(c.findings) < maxFindings {
		c.findings = append(c.findings, Finding{
			Type: r.kind, Code: code, Message: fmt.Sprintf(r.message, args...), LearnMore: learnMore(code, r.kind), Locations: where,
		})
	}
}

// at reports a finding about one part.
func (c *checker) at(v value, code string, args ...any) {
	c.report(code, []Location{c.location(v)}, args...)
}

func (c *checker) location(v value) Location {
	path := v.path
	if path == nil {
		path = Path{}
	}
	return Location{path, Span{c.position(v.At), c.position(v.End)}}
}

// name is the location of a member's name.
func (c *checker) name(of value, m *policy.Member) Location {
	return Location{append(slices.Clip(of.path), Element{Key: m.Name, Index: -1}), Span{c.position(m.At), c.position(m.End)}}
}

func (c *checker) position(at int) Position {
	i, exact := slices.BinarySearch(c.lines, at)
	if !exact {
		i--
	}
	offset := c.characters(at)
	return Position{Line: i + 1, Column: offset - c.characters(c.lines[i]), Offset: offset}
}

// syntax reports text that is no JSON.
func (c *checker) syntax(err error) {
	at := c.offset(err)
	p := c.position(at)
	c.at(value{Node: policy.Node{At: at, End: at}}, "JSON_SYNTAX_ERROR", p.Offset, p.Line, p.Column)
}

// offset is where a *policy.SyntaxError points to.
func (c *checker) offset(err error) int {
	var s *policy.SyntaxError
	if !errors.As(err, &s) {
		return 0
	}
	return min(c.lines[s.Line-1]+s.Column-1, len(c.text))
}

// spend takes n of the steps that are left, or says that there are not so many.
func (c *checker) spend(n int) bool {
	c.remaining -= n
	return c.remaining >= 0
}
