package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"cloister/bench/report"
	"cloister/bench/secrets"
)

const (
	packageBytes = 50 << 20 // of text, in the package that is scanned
	sampleBytes  = 4 << 20  // of those, what gitleaks gets
)

// source is a file of the package.
type source struct {
	name    string
	content []byte
}

// scan measures the scanner of secrets.
func scan(b *bench) (*report.Section, error) {
	files, err := sourceText(packageBytes)
	if err != nil {
		return nil, err
	}
	pkg := filepath.Join(b.work, "package.zip")
	if err := writeZip(pkg, files); err != nil {
		return nil, err
	}
	whole := &report.Figure{Unit: "s"}
	speed, theirs := &report.Figure{Unit: "MB/s"}, &report.Figure{Unit: "MB/s"}
	var found int
	for round := range b.rounds {
		took, err := b.scanOnce(pkg)
		if err != nil {
			return nil, err
		}
		whole.Add(took.Seconds())
		speed.Add(float64(packageBytes) / 1e6 / took.Seconds())
		if round < 2 { // a round of theirs takes seconds
			took, n, err := detectOnce(sampleOf(files, sampleBytes))
			if err != nil {
				return nil, err
			}
			theirs.Add(float64(sampleBytes) / 1e6 / took.Seconds())
			found = n
		}
	}
	s := &report.Section{
		Title: "Scanning for secrets",
		Method: "`cloister scan` on a zip with 50 MB of Go's own source text, as a process of its own that remembers nothing, on all processors. Beside it, gitleaks' own detector with its own rules, in memory and on one processor as it runs for one file, on the first 4 MB of the same files; " +
			"the two have to find the same there, or nothing is reported.",
		Rows: []report.Row{
			{What: "50 MB of text", Ours: whole, Target: &report.Target{AtMost: 2, Unit: "s"}},
			{What: "throughput", Ours: speed, Beside: "gitleaks", Peer: theirs},
		},
	}
	s.Note("Both found the same %d secrets in the 4 MB.", found)
	return s, nil
}

// sourceText is so much of Go's source text. First come the packages whose tests
// have keys in them.
func sourceText(bytes int) (all []source, err error) {
	for _, dir := range []string{"crypto", "net", "encoding", "internal", "go", "runtime", "os", "cmd"} {
		more, err := textIn(filepath.Join(runtime.GOROOT(), "src", dir), bytes)
		if err != nil {
			return nil, err
		}
		for _, f := range more {
			all, bytes = append(all, source{dir + "/" + f.name, f.content}), bytes-len(f.content)
		}
		if bytes <= 0 {
			return all, nil
		}
	}
	return nil, errors.New("Go's own sources are too little text")
}

// textIn is the Go source text below root, not more than so many bytes.
func textIn(root string, bytes int) (all []source, err error) {
	enough := errors.New("enough")
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Ext(path) != ".go" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		all = append(all, source{name, content[:min(len(content), bytes)]})
		if bytes -= len(content); bytes <= 0 {
			return enough
		}
		return err
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return all, err
}

func sampleOf(files []source, bytes int) []source {
	for i, f := range files {
		if bytes -= len(f.content); bytes <= 0 {
			return files[:i+1]
		}
	}
	return files
}

func writeZip(path string, files []source) error {
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err == nil {
			_, err = w.Write(f.content)
		}
		if err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, archive.Bytes(), 0o600)
}

// scanOnce runs the scanner; that it finds something is no failure.
func (b *bench) scanOnce(pkg string) (time.Duration, error) {
	cmd := exec.CommandContext(b.ctx, b.tools.Cloister, "scan", pkg)
	began := time.Now()
	output, err := cmd.Output()
	took := time.Since(began)
	var exit *exec.ExitError
	if errors.As(err, &exit) && bytes.Contains(output, []byte("MB of text")) {
		err = nil
	}
	return took, err
}

// detectOnce runs gitleaks' detector, and compares what it finds.
func detectOnce(files []source) (took time.Duration, found int, err error) {
	d, err := secrets.NewDetector()
	if err != nil {
		return 0, 0, err
	}
	for _, f := range files {
		began := time.Now()
		theirs, err := secrets.Theirs(d, f.name, f.content)
		took += time.Since(began)
		if err != nil {
			return 0, 0, err
		}
		if ours := secrets.Ours(f.name, f.content); !slices.Equal(theirs, ours) {
			return 0, 0, fmt.Errorf("%s: gitleaks finds %q, we find %q", f.name, theirs, ours)
		}
		found += len(theirs)
	}
	return took, found, nil
}
