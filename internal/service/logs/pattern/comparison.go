package pattern

import (
	"regexp"
	"strconv"
	"strings"
)

// comparison is an operator and what it compares with.
type comparison struct {
	operator string
	text     string // without the wildcards at its ends
	before   bool   // anything may come before the text
	after    bool   // anything may come after it
	regex    *regexp.Regexp
	number   float64
	isNumber bool
	isNull   bool
}

// operators has longer ones first.
var operators = [...]string{"!=", "<=", ">=", "=", "<", ">"}

func takeOperator(s *scanner) string {
	for _, operator := range operators {
		if s.take(operator) {
			return operator
		}
	}
	return ""
}

// parseComparison reads an operator and a value.
func parseComparison(s *scanner) (*comparison, error) {
	s.space()
	c := &comparison{operator: takeOperator(s)}
	if c.operator == "" {
		return nil, s.wrong("an operator is missing")
	}
	s.space()
	from := s.at
	if err := c.parseValue(s); err != nil {
		return nil, err
	}
	if c.ordered() && !c.isNumber {
		term := s.text[from:s.at]
		s.at = from
		return nil, s.wrong("Invalid character(s) in term '" + term + "'")
	}
	if s.regexes > maxRegexes {
		s.at = from
		return nil, s.wrong("there are more than two regular expressions")
	}
	return c, nil
}

func (c *comparison) ordered() bool { return c.operator[0] == '<' || c.operator[0] == '>' }

func (c *comparison) parseValue(s *scanner) (err error) {
	switch s.peek() {
	case '%':
		c.regex, err = s.regex()
		return err
	case '"':
		c.text, err = s.delimited('"', false)
		c.trim()
		return err
	}
	if c.text = s.until(`()[]{},&|=<>!"%`); c.text == "" {
		return s.wrong("a value is missing")
	}
	c.isNull = c.text == "NULL"
	c.number, c.isNumber = parseNumber(c.text)
	c.trim()
	return nil
}

// trim takes the wildcards off. AWS knows them at the ends only: between other
// characters an asterisk is one.
func (c *comparison) trim() {
	c.text, c.before = strings.CutPrefix(c.text, "*")
	c.text, c.after = strings.CutSuffix(c.text, "*")
	c.after = c.after || c.before && c.text == ""
}

// parseNumber reads a number as JSON writes them, with a sign before if need be.
func parseNumber(text string) (float64, bool) {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && strings.IndexByte("+-.eE", c) < 0 {
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// holds compares a text; number and isNumber are what it stands for.
func (c *comparison) holds(text string, number float64, isNumber bool) bool {
	if !c.ordered() {
		equal := c.equals(text) || c.isNumber && isNumber && number == c.number
		return equal == (c.operator == "=")
	}
	if !isNumber {
		return false
	}
	switch c.operator {
	case "<":
		return number < c.number
	case "<=":
		return number <= c.number
	case ">":
		return number > c.number
	}
	return number >= c.number
}

func (c *comparison) equals(text string) bool {
	switch {
	case c.regex != nil:
		return c.regex.MatchString(text)
	case c.before && c.after:
		return strings.Contains(text, c.text)
	case c.before:
		return strings.HasSuffix(text, c.text)
	case c.after:
		return strings.HasPrefix(text, c.text)
	}
	return text == c.text
}
