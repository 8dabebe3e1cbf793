package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSwapIsNamed(t *testing.T) {
	const heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	for text, want := range map[string]string{
		heading: "none",
		heading + "/dev/dm-1    partition\t8388604\t0\t-2\n/swapfile file 1 0 -3\n": "/dev/dm-1 /swapfile: ",
	} {
		file := filepath.Join(t.TempDir(), "swaps")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := swap(file); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
	if got := swap(filepath.Join(t.TempDir(), "none")); !strings.HasPrefix(got, "unknown") {
		t.Error(got)
	}
}
