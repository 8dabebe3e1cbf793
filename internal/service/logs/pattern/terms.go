package pattern

import "strings"

// terms is an unstructured pattern.
type terms struct {
	all, any, none []func(string) bool
}

// parseTerms reads terms separated by spaces: all must be in the message, one
// of the optional ones if there are only those, and none of the excluded ones.
// As AWS says of them, question marks count for nothing beside other terms.
func parseTerms(s *scanner) (func(string) bool, error) {
	var t terms
	for s.space(); !s.done(); s.space() {
		list := &t.all
		switch {
		case s.take("-"):
			list = &t.none
		case s.take("?"):
			list = &t.any
		}
		term, err := parseTerm(s)
		if err != nil {
			return nil, err
		}
		*list = append(*list, term)
	}
	if len(t.all)+len(t.none) > 0 {
		t.any = nil
	}
	return t.match, nil
}

func parseTerm(s *scanner) (func(string) bool, error) {
	switch s.peek() {
	case '"':
		phrase, err := s.delimited('"', false)
		return contains(phrase), err
	case '%':
		re, err := s.regex()
		if err != nil {
			return nil, err
		}
		return re.MatchString, nil
	}
	word := s.until(`"%`)
	if word == "" {
		return nil, s.wrong("a term is missing")
	}
	return contains(word), nil
}

func contains(text string) func(string) bool {
	return func(message string) bool { return strings.Contains(message, text) }
}

func (t *terms) match(message string) bool {
	for _, in := range t.none {
		if in(message) {
			return false
		}
	}
	for _, in := range t.all {
		if !in(message) {
			return false
		}
	}
	for _, in := range t.any {
		if in(message) {
			return true
		}
	}
	return len(t.any) == 0
}
