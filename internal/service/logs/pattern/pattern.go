// Package pattern matches log messages against CloudWatch Logs filter patterns
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html):
// terms, JSON patterns and space-delimited patterns. Whatever text a caller
// gives, parsing ends with a pattern or a SyntaxError, and matching takes time
// in proportion to the message.
package pattern

import (
	"fmt"
	"strings"
)

// Pattern is a parsed filter pattern, immutable and safe for concurrent use.
type Pattern struct{ match func(message string) bool }

// Match reports whether a message matches. Case counts.
func (p *Pattern) Match(message string) bool { return p.match(message) }

// SyntaxError says what is wrong with a pattern, and where.
type SyntaxError struct {
	Position int // in bytes, from 1
	Reason   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at position %d", e.Reason, e.Position) }

// Parse reads a pattern; the empty one matches everything. A pattern in braces
// is for JSON, one in brackets for columns separated by spaces, any other is a
// list of terms. The error is a *SyntaxError.
func Parse(text string) (*Pattern, error) {
	s := &scanner{text: text}
	s.space()
	match, err := parse(s)
	if err != nil {
		return nil, err
	}
	return &Pattern{match}, nil
}

func parse(s *scanner) (func(string) bool, error) {
	switch {
	case s.done():
		return func(string) bool { return true }, nil
	case s.take("{"):
		return parseJSON(s)
	case s.peek() == '[' && strings.HasSuffix(strings.TrimSpace(s.text), "]"):
		s.take("[")
		return parseColumns(s)
	}
	return parseTerms(s)
}
