package lint_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloister/policy"
	"cloister/policy/lint"
)

var rewrite = flag.Bool("rewrite", false, "write what is found into testdata")

var kinds = map[string]policy.Kind{
	"identity": policy.KindIdentity, "resource": policy.KindResource, "trust": policy.KindTrust, "boundary": policy.KindBoundary,
	"session": policy.KindSession, "scp": policy.KindOrganization, "rcp": policy.KindResourceOrganization,
}

// TestCases checks the policies in testdata. A case is
//
//	KIND
//	the policy
//	----
//	TYPE CODE at PATH LINE:COLUMN-LINE:COLUMN and … : message
//
// and an empty line. {…} alone is a statement of a policy of 2012-10-17.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
			got := answer(t, c)
			if got != c && !*rewrite {
				t.Errorf("%s:\n%s\nfinds\n%s", file, c, got)
			}
			out = append(out, got)
		}
		if *rewrite {
			if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func answer(t *testing.T, c string) string {
	asked, _, _ := strings.Cut(c, "\n----")
	lines := strings.Split(asked, "\n")
	first := 0
	for strings.HasPrefix(lines[first], "#") {
		first++
	}
	kind, ok := kinds[lines[first]]
	if !ok {
		t.Fatalf("unknown kind in\n%s", c)
	}
	text := strings.Join(lines[first+1:], "\n")
	if strings.HasPrefix(text, `{"Effect"`) || strings.HasPrefix(text, `{"Sid"`) {
		text = `{"Version":"2012-10-17","Statement":` + text + `}`
	}
	out := asked + "\n----"
	for _, f := range lint.Check(kind, []byte(text)) {
		var where []string
		for _, l := range f.Locations {
			where = append(where, fmt.Sprintf("%s %d:%d-%d:%d", l.Path, l.Span.Start.Line, l.Span.Start.Column, l.Span.End.Line, l.Span.End.Column))
		}
		out += fmt.Sprintf("\n%s %s at %s: %s", f.Type, f.Code, strings.Join(where, " and "), f.Message)
	}
	return out
}
