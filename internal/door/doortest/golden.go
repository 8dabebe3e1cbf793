package doortest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// PlayFiles plays each testdata/*.txt as a test of its own: play gives a script
// back with the answers that it gets, which are to be those that stand there.
// least is how many files there are at the least. REWRITE=1 writes the answers anew.
func PlayFiles(t *testing.T, least int, play func(t *testing.T, script string) string) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) < least {
		t.Fatalf("%d scripts, want %d (%v)", len(paths), least, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			played := play(t, string(text))
			if os.Getenv("REWRITE") != "" {
				if err := os.WriteFile(path, []byte(played), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if played != string(text) {
				t.Error(firstDifference(string(text), played))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range w {
		if i >= len(g) || w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], strings.Join(g[min(i, len(g)):min(i+1, len(g))], ""))
		}
	}
	return "there are more answers"
}
