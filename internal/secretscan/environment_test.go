package secretscan

import (
	"os"
	"strings"
	"testing"
)

// TestEnvironment reads testdata/environment.txt, half of which are secrets. The
// error rates are those that docs/guardrails/CLO-SECRET-001.md reports.
func TestEnvironment(t *testing.T) {
	text, err := os.ReadFile("testdata/environment.txt")
	if err != nil {
		t.Fatal(err)
	}
	var secrets, others, missed, wrong int
	for _, line := range strings.Split(string(text), "\n") {
		kind, variable, ok := strings.Cut(line, " ")
		if !ok || kind == "#" {
			continue
		}
		name, value, _ := strings.Cut(variable, "=")
		found := len(Environment(map[string]string{name: value})) > 0
		switch {
		case kind == "+":
			secrets++
			if !found {
				missed++
				t.Errorf("missed: %s", variable)
			}
		case kind == "-":
			others++
			if found {
				wrong++
				t.Errorf("taken for a secret by %s: %s", Environment(map[string]string{name: value})[0].Rule, variable)
			}
		default:
			t.Errorf("not a case: %s", line)
		}
	}
	t.Logf("missed %d of %d secrets; took %d of %d others for one", missed, secrets, wrong, others)
	if secrets < 100 || others < 100 {
		t.Error("the table is too small")
	}
}
