package secrets

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/sources"

	"cloister/internal/secretscan"
)

// NewDetector is gitleaks' detector with its own rules.
func NewDetector() (*detect.Detector, error) { return detect.NewDetectorDefaultConfig() }

// Theirs is what gitleaks finds in a file: rule and line, sorted. (The last line
// that it gives of a match is wrong where the text does not end in a newline.)
func Theirs(d *detect.Detector, path string, content []byte) (found []string, err error) {
	file := &sources.File{Content: bytes.NewReader(content), Path: path, Config: &d.Config}
	err = file.Fragments(context.Background(), func(f sources.Fragment, err error) error {
		if err != nil {
			return err
		}
		for _, x := range d.Detect(detect.Fragment(f)) {
			found = append(found, fmt.Sprintf("%s %d", x.RuleID, max(x.StartLine, 1))) // 0: of rules of paths alone
		}
		return nil
	})
	slices.Sort(found)
	return found, err
}

// Ours is what internal/secretscan finds in it, in the same form.
func Ours(path string, content []byte) (found []string) {
	for _, f := range secretscan.Text(path, string(content)) {
		found = append(found, fmt.Sprintf("%s %d", f.Rule, f.Line))
	}
	slices.Sort(found)
	return found
}
