package main

import (
	"fmt"
	"strings"
	"unicode"
)

// emitEnums writes a string constant for every value of every enumeration.
func emitEnums(m *model) (string, error) {
	out := newSource(m, "")
	taken := map[string]string{}
	for _, name := range sorted(m.typed) {
		for _, v := range m.shapes.object(name).list("enum") {
			value := v.(string)
			constant := exported(name) + enumWord(value)
			if other, clash := taken[constant]; clash {
				return "", fmt.Errorf("%s: values %q and %q share the name %s", name, other, value, constant)
			}
			taken[constant] = value
			out.line("const %s = %q", constant, value)
		}
	}
	return out.String(), nil
}

// enumWord turns a value into the end of an identifier: "python3.11" becomes
// Python311, "PENDING_CREATE" PendingCreate, "$LATEST" Latest.
func enumWord(value string) string {
	var b strings.Builder
	upper := strings.ToUpper(value) == value
	start := true
	for _, r := range value {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			start = true
			continue
		case start:
			b.WriteRune(unicode.ToUpper(r))
		case upper:
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
		start = false
	}
	return b.String()
}
