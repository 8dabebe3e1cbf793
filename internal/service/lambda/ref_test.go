package lambda

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What is taken for a plain name is what the pattern takes for one.
func TestPlainNames(t *testing.T) {
	same := func(t interface{ Errorf(string, ...any) }, text string) {
		m := functionPattern.FindStringSubmatch(text)
		if plain := m != nil && m[5] == text; plain != isPlainName(text) {
			t.Errorf("%q: %v", text, isPlainName(text))
		}
	}
	for _, text := range []string{"", "f", "function", "a:b", "function:f", "f\n", "é", strings.Repeat("x", 64), strings.Repeat("x", 65)} {
		same(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		same(t, rapid.StringOfN(rapid.SampledFrom([]rune("azAZ09-_:/.$@[`{ é\n")), 0, 70, -1).Draw(t, "text"))
	})
}
