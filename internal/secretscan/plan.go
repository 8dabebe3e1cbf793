package secretscan

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// plan says where matches of an expression can lie, seen from a keyword of its
// rule. All lengths are in bytes, of texts without the three letters that fold
// to ASCII ones (see folds).
type plan struct {
	lead int // the most that stands before the keyword that every match has

	// tail matches, from its beginning on, what every match has from offset
	// bytes before that keyword to its own end; nil when that is not known.
	tail   *regexp.Regexp
	offset int

	span     int  // the longest match; -1: without bound
	newlines int  // the most newlines in a match; -1: without bound
	word     bool // it looks at what stands before a match (\b)
}

// most bounds what is enumerated of an expression.
const most = 256

// planOf computes the plan of an expression whose rule has keywords, nil when
// matches can have none of them or begin anywhere.
func planOf(expr string, keywords []string) *plan {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil || has(re, syntax.OpBeginLine, syntax.OpBeginText) {
		return nil
	}
	f := finder{keywords}
	p := &plan{
		span: longest(re), newlines: lines(re),
		word: has(re, syntax.OpWordBoundary, syntax.OpNoWordBoundary),
	}
	at, ok := f.find(re)
	if !ok {
		return nil
	}
	p.lead = at.lead
	if at.tail != nil && at.steady {
		p.tail, p.offset = compileTail(at.tail), at.offset
	}
	return p
}

func compileTail(items []*syntax.Regexp) *regexp.Regexp {
	re := &syntax.Regexp{Op: syntax.OpConcat, Flags: syntax.Perl, Sub: items}
	tail, err := regexp.Compile(`\A(?:` + re.String() + ")")
	if err != nil {
		return nil
	}
	return tail
}

// place is where in an expression its keyword stands.
type place struct {
	lead   int
	tail   []*syntax.Regexp // the items from the keyword's on, of the whole expression
	offset int              // of the keyword in the tail
	steady bool             // the same in every match
}

type finder struct{ keywords []string }

func (f finder) find(re *syntax.Regexp) (place, bool) {
	switch re.Op {
	case syntax.OpCapture:
		at, ok := f.find(re.Sub[0])
		return at, ok
	case syntax.OpConcat:
		return f.findInConcat(re.Sub)
	case syntax.OpAlternate:
		return f.findInAll(re.Sub)
	}
	return f.findInConcat([]*syntax.Regexp{re})
}

func (f finder) findInConcat(items []*syntax.Regexp) (place, bool) {
	before := 0
	for i := range items {
		if first, last, ok := f.leads(items[i:]); ok {
			return place{before + last, items[i:], first, first == last}, true
		}
		if inner := items[i].Op; inner == syntax.OpCapture || inner == syntax.OpAlternate || inner == syntax.OpConcat {
			if at, ok := f.find(items[i]); ok {
				return place{lead: before + at.lead}, true
			}
		}
		n := longest(items[i])
		if n < 0 {
			break
		}
		before += n
	}
	return place{}, false
}

func (f finder) findInAll(branches []*syntax.Regexp) (place, bool) {
	var all place
	for _, b := range branches {
		at, ok := f.find(b)
		if !ok {
			return place{}, false
		}
		all.lead = max(all.lead, at.lead)
	}
	return all, true
}

// leads tells between which offsets a keyword stands in everything that the
// items match.
func (f finder) leads(items []*syntax.Regexp) (first, last int, ok bool) {
	texts := openings(items)
	if len(texts) == 0 {
		return 0, 0, false
	}
	first = 1 << 30
	for _, t := range texts {
		at := f.in(t.text)
		if at < 0 {
			return 0, 0, false
		}
		first, last = min(first, at), max(last, at)
	}
	return first, last, true
}

// in is where the first keyword in a text begins, -1 if there is none.
func (f finder) in(text string) int {
	best := -1
	for _, k := range f.keywords {
		if i := strings.Index(text, k); i >= 0 && (best < 0 || i < best) {
			best = i
		}
	}
	return best
}

// opening is how something that matches begins, in lower case. What is open may
// go on in any way.
type opening struct {
	text string
	open bool
}

// openings lists all ways in which what the items match can begin.
func openings(items []*syntax.Regexp) []opening {
	all := []opening{{}}
	for _, item := range items {
		if closed(all) == 0 {
			break
		}
		var longer []opening
		for _, o := range all {
			if o.open {
				longer = append(longer, o)
				continue
			}
			for _, n := range openingsOf(item) {
				longer = append(longer, opening{o.text + n.text, n.open})
			}
		}
		if len(longer) > most {
			for i := range all {
				all[i].open = true
			}
			break
		}
		all = longer
	}
	return all
}

func closed(all []opening) (n int) {
	for _, o := range all {
		if !o.open {
			n++
		}
	}
	return n
}

func openingsOf(re *syntax.Regexp) []opening {
	switch re.Op {
	case syntax.OpLiteral:
		return []opening{{strings.ToLower(string(re.Rune)), false}}
	case syntax.OpEmptyMatch, syntax.OpWordBoundary, syntax.OpNoWordBoundary, syntax.OpEndText, syntax.OpEndLine:
		return []opening{{}}
	case syntax.OpCapture:
		return openingsOf(re.Sub[0])
	case syntax.OpConcat:
		return openings(re.Sub)
	case syntax.OpQuest:
		return append([]opening{{}}, openingsOf(re.Sub[0])...)
	case syntax.OpAlternate:
		var all []opening
		for _, sub := range re.Sub {
			all = append(all, openingsOf(sub)...)
		}
		return all
	case syntax.OpCharClass:
		return openingsOfClass(re.Rune)
	}
	return []opening{{"", true}}
}

// openingsOfClass lists a class of few characters.
func openingsOfClass(ranges []rune) []opening {
	seen := map[string]bool{}
	var all []opening
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			s := strings.ToLower(string(r))
			if r == 'ſ' { // folds to s
				s = "s"
			}
			if !seen[s] {
				seen[s] = true
				all = append(all, opening{s, false})
			}
			if len(all) > 12 {
				return []opening{{"", true}}
			}
		}
	}
	return all
}

func has(re *syntax.Regexp, ops ...syntax.Op) bool {
	for _, op := range ops {
		if re.Op == op {
			return true
		}
	}
	for _, sub := range re.Sub {
		if has(sub, ops...) {
			return true
		}
	}
	return false
}

// longest is the most bytes that an expression matches, -1 for any number.
func longest(re *syntax.Regexp) int {
	return measure(re, func(re *syntax.Regexp) int {
		switch re.Op {
		case syntax.OpLiteral:
			return len(string(re.Rune))
		case syntax.OpCharClass:
			if isASCII(re.Rune) {
				return 1
			}
		}
		return 4
	})
}

// isASCII tells whether a class has ASCII characters only, but for the letters
// that fold to one.
func isASCII(ranges []rune) bool {
	for i := 0; i < len(ranges); i += 2 {
		if to := ranges[i+1]; to >= 0x80 && (ranges[i] != to || to != 'ſ' && to != '\u212a') {
			return false
		}
	}
	return true
}

// lines is the most newlines that an expression matches, -1 for any number.
func lines(re *syntax.Regexp) int {
	return measure(re, func(re *syntax.Regexp) int {
		switch re.Op {
		case syntax.OpLiteral:
			return strings.Count(string(re.Rune), "\n")
		case syntax.OpAnyCharNotNL:
			return 0
		case syntax.OpCharClass:
			for i := 0; i < len(re.Rune); i += 2 {
				if re.Rune[i] <= '\n' && '\n' <= re.Rune[i+1] {
					return 1
				}
			}
			return 0
		}
		return 1
	})
}

// measure adds up what a leaf counts, -1 where it repeats without bound.
func measure(re *syntax.Regexp, leaf func(*syntax.Regexp) int) int {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return leaf(re)
	case syntax.OpCapture, syntax.OpQuest:
		return measure(re.Sub[0], leaf)
	case syntax.OpStar, syntax.OpPlus:
		return repeat(measure(re.Sub[0], leaf), -1)
	case syntax.OpRepeat:
		return repeat(measure(re.Sub[0], leaf), re.Max)
	case syntax.OpConcat, syntax.OpAlternate:
		total := 0
		for _, sub := range re.Sub {
			n := measure(sub, leaf)
			if n < 0 {
				return -1
			}
			if re.Op == syntax.OpConcat {
				total += n
			} else {
				total = max(total, n)
			}
		}
		return total
	}
	return 0
}

func repeat(n, times int) int {
	if n == 0 {
		return 0
	}
	if n < 0 || times < 0 {
		return -1
	}
	return n * times
}
