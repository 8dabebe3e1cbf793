// Package accesslog writes the lines of an API's access log from a format with
// $context variables
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html).
// What a caller sent cannot end a line or a JSON text: values are escaped as in
// JSON, and bounded.
package accesslog

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Errors of Parse.
var (
	ErrLines     = errors.New("an access log format is a single line: a new line character is allowed only at its end")
	ErrNoRequest = errors.New("an access log format contains at least $context.requestId or $context.extendedRequestId")
)

// mostFormat and mostValue are in bytes.
const (
	mostFormat = 3 << 10
	mostValue  = 1 << 10
)

var variable = regexp.MustCompile(`\$context\.[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*`)

// Format is a parsed format. It is immutable.
type Format struct{ parts []part }

type part struct {
	text string
	name string // of a variable, without "$context."
}

// Parse reads a format of at most 3 KB.
func Parse(format string) (*Format, error) {
	if format = strings.TrimSuffix(format, "\n"); strings.ContainsAny(format, "\r\n") {
		return nil, ErrLines
	}
	if len(format) > mostFormat {
		return nil, errors.New("an access log format is at most 3 KB long")
	}
	f, at, identified := &Format{}, 0, false
	for _, found := range variable.FindAllStringIndex(format, -1) {
		name := strings.TrimPrefix(format[found[0]:found[1]], "$context.")
		f.parts = append(f.parts, part{text: format[at:found[0]]}, part{name: name})
		at = found[1]
		identified = identified || name == "requestId" || name == "extendedRequestId"
	}
	if !identified {
		return nil, ErrNoRequest
	}
	f.parts = append(f.parts, part{text: format[at:]})
	return f, nil
}

// Line writes a line; value gives what a variable is, "" for what it has none
// for, which is written as "-".
func (f *Format) Line(value func(name string) string) string {
	var b strings.Builder
	for _, p := range f.parts {
		if p.name == "" {
			b.WriteString(p.text)
		} else {
			b.WriteString(escape(value(p.name)))
		}
	}
	return b.String()
}

func escape(value string) string {
	if value == "" {
		return "-"
	}
	if len(value) > mostValue {
		value = value[:mostValue]
	}
	if !utf8.ValidString(value) {
		value = strings.ToValidUTF8(value, "\uFFFD")
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return "-"
	}
	return string(quoted[1 : len(quoted)-1])
}
