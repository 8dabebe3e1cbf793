package pattern

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// block is one pattern of testdata/patterns.txt.
type block struct {
	pattern string
	lines   []string // with the mark before
}

func blocks(t testing.TB) (all []block) {
	t.Helper()
	f, err := os.Open("testdata/patterns.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if text, ok := strings.CutPrefix(line, "pattern "); ok {
			all = append(all, block{pattern: text})
		} else if line != "" && line[0] != '#' {
			last := &all[len(all)-1]
			last.lines = append(last.lines, line)
		}
	}
	return all
}

func TestPatterns(t *testing.T) {
	for _, b := range blocks(t) {
		t.Run(b.pattern, func(t *testing.T) {
			p, err := Parse(b.pattern)
			for _, line := range b.lines {
				mark, rest := line[0], strings.TrimPrefix(line[1:], " ")
				switch {
				case mark == '!':
					if err == nil || err.Error() != rest {
						t.Errorf("the error is %v, not %s", err, rest)
					}
				case err != nil:
					t.Fatal(err)
				case p.Match(rest) != (mark == '+'):
					t.Errorf("%s", line)
				}
			}
		})
	}
}

// Everything matches the empty pattern, and every word is found by itself.
func TestEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.String().Draw(t, "message")
		p, err := Parse(rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "pattern"))
		if err != nil || !p.Match(message) {
			t.Fatalf("%q: %v", message, err)
		}
	})
}

// A quoted phrase is found in every message that holds it, and its exclusion
// finds the opposite.
func TestPhrases(t *testing.T) {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune(`ab "\%{[-?é`)))
		phrase, message := text.Draw(t, "phrase"), text.Draw(t, "message")
		if rapid.Bool().Draw(t, "holds it") {
			message += phrase
		}
		with, err1 := Parse(`"` + quote.Replace(phrase) + `"`)
		without, err2 := Parse(`-"` + quote.Replace(phrase) + `"`)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		want := strings.Contains(message, phrase)
		if with.Match(message) != want || without.Match(message) == want {
			t.Fatalf("%q in %q", phrase, message)
		}
	})
}

func TestDepth(t *testing.T) {
	deep := "{" + strings.Repeat("(", 10_000) + "$.a = 1" + strings.Repeat(")", 10_000) + "}"
	if _, err := Parse(deep); err == nil {
		t.Error("parentheses go as deep as they like")
	}
}

// FuzzPattern looks for texts that panic, and for errors of another kind.
func FuzzPattern(f *testing.F) {
	for _, b := range blocks(f) {
		message := ""
		if len(b.lines) > 0 {
			message = b.lines[0][1:]
		}
		f.Add(b.pattern, message)
	}
	f.Fuzz(func(t *testing.T, text, message string) {
		p, err := Parse(text)
		var syntax *SyntaxError
		switch {
		case err == nil:
			p.Match(message)
		case !errors.As(err, &syntax):
			t.Fatalf("%q: %v", text, err)
		case syntax.Position < 1 || syntax.Position > len(text)+1:
			t.Fatalf("%q: position %d", text, syntax.Position)
		}
	})
}
