package guardrail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryRuleHasItsPage(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || seen[r.Name] {
			t.Errorf("%s stands twice", r.ID)
		}
		seen[r.ID], seen[r.Name] = true, true
		page, err := os.ReadFile(filepath.Join("../..", r.Page))
		if err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(string(page), "# "+r.ID+": ") || !strings.Contains(string(page), "\n## Example\n") {
			t.Errorf("%s has not the rule's title, or no example", r.Page)
		}
	}
	if _, ok := Find("CLO-IAM-999"); ok {
		t.Error("a rule that does not exist was found")
	}
}
