package awsapi_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGeneratedCodeIsCurrent runs the generator aside and compares.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	if err := exec.Command("go", "-C", "gen", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go").Run(); err != nil {
		t.Skip("AWS's models are not in the module cache: run `go -C internal/awsapi/gen mod download`")
	}
	out := t.TempDir()
	if text, err := exec.Command("go", "run", "-C", "gen", ".", "-out", out).CombinedOutput(); err != nil {
		t.Fatalf("the generator fails: %v\n%s", err, text)
	}
	files, _ := filepath.Glob(filepath.Join(out, "*", "*.go"))
	if len(files) != 4*len(generated) {
		t.Fatalf("%d files for %d services", len(files), len(generated))
	}
	for _, file := range files {
		rel, _ := filepath.Rel(out, file)
		want, _ := os.ReadFile(file)
		have, err := os.ReadFile(rel)
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is not what the generator writes now: run `go generate ./internal/awsapi` and commit", rel)
		}
	}
}
