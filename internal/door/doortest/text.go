package doortest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var repeated = regexp.MustCompile(`\((.)\*(\d+)\)`)

// Expand turns (x*100) into 100 letters x.
func Expand(text string) string {
	return repeated.ReplaceAllStringFunc(text, func(m string) string {
		var n int
		parts := repeated.FindStringSubmatch(m)
		_, _ = fmt.Sscan(parts[2], &n)
		return strings.Repeat(parts[1], n)
	})
}

// Compact leaves absent members out of an answer.
func Compact(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(Present(v)); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

// Present is a decoded document without its absent members.
func Present(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if value == nil {
				delete(v, key)
			} else {
				v[key] = Present(value)
			}
		}
	case []any:
		for i := range v {
			v[i] = Present(v[i])
		}
	}
	return v
}
