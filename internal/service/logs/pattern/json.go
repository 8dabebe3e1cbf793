package pattern

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// parseJSON reads a JSON pattern behind its opening brace.
func parseJSON(s *scanner) (func(string) bool, error) {
	holds, err := parseExpression(s, 0, parseProperty)
	if err != nil {
		return nil, err
	}
	if s.space(); !s.take("}") {
		return nil, s.wrong("an operator or } is missing")
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	return func(message string) bool {
		document, ok := decode(message)
		return ok && holds(document)
	}, nil
}

// decode reads a message that is one JSON object or array and nothing else.
func decode(message string) (document any, ok bool) {
	message = strings.TrimSpace(message)
	if message == "" || message[0] != '{' && message[0] != '[' {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader([]byte(message)))
	d.UseNumber()
	if d.Decode(&document) != nil {
		return nil, false
	}
	_, err := d.Token()
	return document, err == io.EOF
}

// parseProperty reads a condition on a property.
func parseProperty(s *scanner) (node[any], error) {
	at, err := parseSelector(s)
	if err != nil {
		return nil, err
	}
	s.space()
	switch {
	case s.takeWords("NOT", "EXISTS"):
		return func(document any) bool { return !at.find(document, func(any) bool { return true }) }, nil
	case s.takeWords("IS", "NULL"):
		return at.is(nil), nil
	case s.takeWords("IS", "TRUE"):
		return at.is(true), nil
	case s.takeWords("IS", "FALSE"):
		return at.is(false), nil
	}
	is, err := parseComparison(s)
	if err != nil {
		return nil, err
	}
	return func(document any) bool { return at.find(document, is.holdsOf) }, nil
}

// takeWords skips two words if they are next.
func (s *scanner) takeWords(first, second string) bool {
	from := s.at
	if s.take(first) && isSpace(s.peek()) {
		if s.space(); s.take(second) && !isAlphanumeric(s.peek()) {
			return true
		}
	}
	s.at = from
	return false
}

func (sel selector) is(value any) node[any] {
	return func(document any) bool {
		return sel.find(document, func(v any) bool { return v == value })
	}
}

// holdsOf compares a JSON value. Objects and arrays are equal to nothing and
// different from nothing.
func (c *comparison) holdsOf(value any) bool {
	switch v := value.(type) {
	case nil:
		return c.isNull && c.operator == "="
	case string:
		return c.holds(v, 0, false)
	case json.Number:
		number, err := v.Float64()
		return c.holds(v.String(), number, err == nil)
	case bool:
		return c.holds(map[bool]string{true: "true", false: "false"}[v], 0, false)
	}
	return false
}
