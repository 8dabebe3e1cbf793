package sigv4

import (
	"bytes"
	"slices"
	"strings"
)

// eachParameter calls fn with each name and value of a query, not decoded.
func eachParameter(rawQuery string, fn func(rawName, rawValue string)) {
	for rawQuery != "" {
		var pair string
		pair, rawQuery, _ = strings.Cut(rawQuery, "&")
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			fn(name, value)
		}
	}
}

// parameter is one of a canonical query, escaped.
type parameter struct{ name, value []byte }

// appendQuery appends the canonical query: the parameters escaped in one way
// and sorted by name, then value, but for those to skip.
func appendQuery(dst []byte, rawQuery string, skip []string) []byte {
	if rawQuery == "" {
		return dst
	}
	var parameters []parameter
	buf := make([]byte, 0, 2*len(rawQuery))
	escapeAgain := func(raw string) []byte {
		start := len(buf)
		buf = appendReescaped(buf, raw)
		return buf[start:len(buf):len(buf)]
	}
	eachParameter(rawQuery, func(rawName, rawValue string) {
		name := escapeAgain(rawName)
		if !slices.Contains(skip, string(name)) {
			parameters = append(parameters, parameter{name, escapeAgain(rawValue)})
		}
	})
	slices.SortFunc(parameters, func(a, b parameter) int {
		if c := bytes.Compare(a.name, b.name); c != 0 {
			return c
		}
		return bytes.Compare(a.value, b.value)
	})
	for i, p := range parameters {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(append(dst, p.name...), '='), p.value...)
	}
	return dst
}

// appendReescaped decodes a query's name or value, as everyone who reads it
// does ("+" is a space), and escapes it in the one canonical way.
func appendReescaped(dst []byte, raw string) []byte {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if octet, ok := escaped(raw[i:]); ok {
			c = octet
			i += 2
		} else if c == '+' {
			c = ' '
		}
		dst = appendEscaped(dst, c)
	}
	return dst
}

// unescape decodes a query's name or value. An escape that is none stays.
func unescape(raw string) string {
	if !strings.ContainsAny(raw, "%+") {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if octet, ok := escaped(raw[i:]); ok {
			c = octet
			i += 2
		} else if c == '+' {
			c = ' '
		}
		out = append(out, c)
	}
	return string(out)
}
