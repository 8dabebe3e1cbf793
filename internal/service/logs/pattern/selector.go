package pattern

import (
	"strconv"
)

// selector is the way from a document's root to a property.
type selector []step

// step is a member's name, an element's index, or any of them.
type step struct {
	name  string
	index int // -1: the step is not an index
	any   bool
}

// maxAny is how many wildcards a selector may have.
const maxAny = 3

// parseSelector reads $.name, $.name[0], $.*.name, $[0], $["name"] and the like.
func parseSelector(s *scanner) (selector, error) {
	if s.space(); !s.take("$") {
		return nil, s.wrong("a property selector, which begins with $, is missing")
	}
	var sel selector
	wildcards := 0
	for {
		var next step
		var err error
		switch {
		case s.take("."):
			next, err = parseName(s)
		case s.peek() == '[':
			next, err = parseIndex(s)
		case len(sel) == 0:
			return nil, s.wrong("the name of a property is missing")
		default:
			return sel, nil
		}
		if err != nil {
			return nil, err
		}
		if sel = append(sel, next); next.any {
			wildcards++
		}
		if wildcards > maxAny {
			return nil, s.wrong("a property selector has more than three wildcards")
		}
	}
}

func parseName(s *scanner) (step, error) {
	if s.peek() == '[' {
		return parseIndex(s)
	}
	name := s.until(`.()[]{},&|=<>!"%`)
	if name == "" {
		return step{}, s.wrong("the name of a property is missing")
	}
	return step{name: name, index: -1, any: name == "*"}, nil
}

func parseIndex(s *scanner) (next step, err error) {
	s.take("[")
	next.index = -1
	switch quote := s.peek(); {
	case quote == '"' || quote == '\'':
		next.name, err = s.delimited(quote, false)
	case s.take("*"):
		next.any = true
	default:
		digits := s.until("]")
		if next.index, err = strconv.Atoi(digits); err != nil || next.index < 0 {
			err = s.wrong("an index is not a number")
		}
	}
	if err == nil && !s.take("]") {
		err = s.wrong("a ] is missing")
	}
	return next, err
}

// find calls yield for the values that the selector leads to, until one of them
// gives true, and reports whether one did.
func (sel selector) find(value any, yield func(any) bool) bool {
	if len(sel) == 0 {
		return yield(value)
	}
	step, rest := sel[0], sel[1:]
	switch v := value.(type) {
	case map[string]any:
		if step.any {
			for _, member := range v {
				if rest.find(member, yield) {
					return true
				}
			}
		}
		member, ok := v[step.name]
		return ok && step.index < 0 && rest.find(member, yield)
	case []any:
		if step.any {
			for _, element := range v {
				if rest.find(element, yield) {
					return true
				}
			}
		}
		return step.index >= 0 && step.index < len(v) && rest.find(v[step.index], yield)
	}
	return false
}
