package policy

import "strings"

// decimal is a decimal number, kept and compared exactly: no rounding decides
// an access. Whole has no leading zeros, fraction no trailing ones.
type decimal struct {
	negative        bool
	whole, fraction string
}

func parseDecimal(s string) (d decimal, ok bool) {
	s, d.negative = strings.CutPrefix(s, "-")
	whole, fraction, pointed := strings.Cut(s, ".")
	if !digits(whole) || pointed && !digits(fraction) {
		return decimal{}, false
	}
	d.whole = strings.TrimLeft(whole, "0")
	d.fraction = strings.TrimRight(fraction, "0")
	if d.whole == "" && d.fraction == "" {
		d.negative = false
	}
	return d, true
}

func digits(s string) bool {
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
	}
	return s != ""
}

// cmp returns the sign of a-b.
func (a decimal) cmp(b decimal) int {
	switch {
	case a.negative && !b.negative:
		return -1
	case !a.negative && b.negative:
		return 1
	case a.negative:
		return b.cmpMagnitude(a)
	}
	return a.cmpMagnitude(b)
}

func (a decimal) cmpMagnitude(b decimal) int {
	if len(a.whole) != len(b.whole) {
		if len(a.whole) < len(b.whole) {
			return -1
		}
		return 1
	}
	if c := strings.Compare(a.whole, b.whole); c != 0 {
		return c
	}
	return strings.Compare(a.fraction, b.fraction)
}

// numberSet is the operand of the Numeric operators.
type numberSet struct {
	relation relation
	numbers  []decimal
}

func (s numberSet) compare(value string, _ Context) outcome {
	v, ok := parseDecimal(value)
	if !ok {
		return differs
	}
	return anyOf(s.numbers, func(n *decimal) outcome { return outcomeOf(s.relation.holds(v.cmp(*n))) })
}

func compileNumbers(r relation) func(*compiler, *condition, []node) (operand, error) {
	return func(_ *compiler, _ *condition, items []node) (operand, error) {
		s := numberSet{relation: r}
		for _, item := range items {
			n, ok := parseDecimal(item.text)
			if !ok {
				return nil, faultf(item.at, "%q is not a number; write it with digits and a point", item.text)
			}
			s.numbers = append(s.numbers, n)
		}
		return s, nil
	}
}
