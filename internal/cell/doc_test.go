package cell

import (
	"os"
	"strings"
	"testing"
)

// The README's table is the code's.
func TestReadmeListsTheLayers(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		row := "| " + l.Name + " | " + map[bool]string{true: "yes", false: "extra"}[l.Required] + " |"
		if !strings.Contains(string(text), row) {
			t.Errorf("README.md has no row %q", row)
		}
	}
}
