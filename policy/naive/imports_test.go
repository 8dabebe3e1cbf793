package naive

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// The comparison of two evaluators proves something only as long as they have
// no code in common.
func TestSharesNothingWithPolicy(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %d files (%v); the test must see the package", len(files), err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			if first, _, _ := strings.Cut(path, "/"); first == "cloister" || strings.Contains(first, ".") {
				t.Errorf("%s imports %s; the naive evaluator may use the standard library only", file, path)
			}
		}
	}
}
