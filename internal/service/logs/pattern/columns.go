package pattern

import "strings"

// column is one part of a space-delimited pattern.
type column struct {
	name  string
	holds node[string] // nil: anything
}

// columns is a space-delimited pattern: the columns before and behind an
// ellipsis, if it has one.
type columns struct {
	before, behind []column
	ellipsis       bool
}

// parseColumns reads a space-delimited pattern behind its opening bracket.
func parseColumns(s *scanner) (func(string) bool, error) {
	var c columns
	for {
		if err := c.parseNext(s); err != nil {
			return nil, err
		}
		s.space()
		if s.take("]") {
			return c.match, s.end()
		}
		if !s.take(",") {
			return nil, s.wrong("a , or ] is missing")
		}
	}
}

func (c *columns) parseNext(s *scanner) error {
	s.space()
	if s.take("...") {
		if c.ellipsis {
			return s.wrong("there is more than one ellipsis")
		}
		c.ellipsis = true
		return nil
	}
	next, err := parseColumn(s)
	if c.ellipsis {
		c.behind = append(c.behind, next)
	} else {
		c.before = append(c.before, next)
	}
	return err
}

// parseColumn reads a name, or conditions on one.
func parseColumn(s *scanner) (c column, err error) {
	from := s.at
	if c.name, err = columnName(s); err == nil {
		if s.space(); s.peek() == ',' || s.peek() == ']' {
			return c, nil
		}
	}
	s.at, c.name = from, ""
	c.holds, err = parseExpression(s, 0, func(s *scanner) (node[string], error) { return c.parseCondition(s) })
	return c, err
}

func columnName(s *scanner) (string, error) {
	name := s.until(`()[]{},&|=<>!"%`)
	if name == "" {
		return "", s.wrong("the name of a column is missing")
	}
	return name, nil
}

func (c *column) parseCondition(s *scanner) (node[string], error) {
	name, err := columnName(s)
	if err != nil {
		return nil, err
	}
	if c.name != "" && c.name != name {
		return nil, s.wrong("a column has two names")
	}
	c.name = name
	is, err := parseComparison(s)
	if err != nil {
		return nil, err
	}
	return func(word string) bool {
		number, isNumber := parseNumber(word)
		return is.holds(word, number, isNumber)
	}, nil
}

func (c *columns) match(message string) bool {
	words := split(message)
	fixed := len(c.before) + len(c.behind)
	if len(words) < fixed || len(words) > fixed && !c.ellipsis {
		return false
	}
	return all(c.before, words) && all(c.behind, words[len(words)-len(c.behind):])
}

func all(columns []column, words []string) bool {
	for i, c := range columns {
		if c.holds != nil && !c.holds(words[i]) {
			return false
		}
	}
	return true
}

// split takes a message apart at its spaces, but not within quotes or square
// brackets, which hold one word.
func split(message string) (words []string) {
	for {
		message = strings.TrimLeft(message, " \t\r\n")
		if message == "" {
			return words
		}
		var word string
		word, message = cutWord(message)
		words = append(words, word)
	}
}

func cutWord(message string) (word, rest string) {
	closing := map[byte]string{'"': `"`, '[': "]"}[message[0]]
	if closing != "" {
		if word, rest, ok := strings.Cut(message[1:], closing); ok {
			return word, rest
		}
	}
	if i := strings.IndexAny(message, " \t\r\n"); i >= 0 {
		return message[:i], message[i:]
	}
	return message, ""
}
