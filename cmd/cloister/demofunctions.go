package main

import (
	"archive/zip"
	"bytes"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"cloister/internal/service/lambda/runtimes"
)

//go:embed demo
var demoFiles embed.FS

// demoFunction is a function to deploy.
type demoFunction struct {
	name    string
	runtime types.Runtime
	handler string
	zip     []byte
}

// functions are those that this machine can run.
func (d *demo) functions() (all []demoFunction, err error) {
	found, err := findRuntimes(d.dir)
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		if f, err := d.interpreted(r); err != nil {
			return nil, err
		} else if f != nil {
			all = append(all, *f)
		}
	}
	compiled, err := d.compiled()
	if err != nil {
		return nil, err
	}
	if compiled != nil {
		all = append(all, *compiled)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("this machine has no runtime for a function: install python3, nodejs or go; cloister doctor says more")
	}
	return all, nil
}

// interpreted is the demo's function for a runtime, if it has one.
func (d *demo) interpreted(r runtimes.Status) (*demoFunction, error) {
	if !r.Present {
		return nil, nil
	}
	switch {
	case strings.HasPrefix(r.Name, "python"):
		source := "demo/plain.py"
		if r.SDK != "" {
			source = "demo/handler.py"
		}
		return packed("demo-python", r.Name, "handler.handler", "handler.py", source)
	case strings.HasPrefix(r.Name, "nodejs"):
		return packed("demo-node", r.Name, "index.handler", "index.mjs", "demo/index.mjs")
	}
	return nil, nil
}

func packed(name, runtime, handler, file, source string) (*demoFunction, error) {
	content, err := demoFiles.ReadFile(source)
	if err != nil {
		return nil, err
	}
	archive, err := zipOf(file, content, 0o644)
	return &demoFunction{name, types.Runtime(runtime), handler, archive}, err
}

// compiled builds the Go function where there is a Go compiler.
func (d *demo) compiled() (*demoFunction, error) {
	compiler, err := exec.LookPath("go")
	if err != nil {
		d.detail("no Go compiler on this machine: leaving out the compiled function")
		return nil, nil
	}
	source, err := demoFiles.ReadFile("demo/bootstrap.go.txt")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(d.dir, "build-")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), source, 0o600); err != nil {
		return nil, err
	}
	d.say("Compiling a function in Go")
	build := exec.CommandContext(d.ctx, compiler, "build", "-ldflags", "-s -w", "-o", "bootstrap", "main.go")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GO111MODULE=off", "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile the demo's function: %w: %s", err, output)
	}
	binary, err := os.ReadFile(filepath.Join(dir, "bootstrap"))
	if err != nil {
		return nil, err
	}
	archive, err := zipOf("bootstrap", binary, 0o755)
	return &demoFunction{"demo-go", types.RuntimeProvidedal2023, "bootstrap", archive}, err
}

// zipOf is a deployment package of one file.
func zipOf(name string, content []byte, mode os.FileMode) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(mode)
	f, err := w.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}
