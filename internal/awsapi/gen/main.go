// Command gen writes the wire tables and types of the services in manifest.txt
// from AWS's published API models, with overlay.json laid over them. Its output
// is a function of those three alone. It is a module of its own so that only it
// requires the module that carries the models.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	out := flag.String("out", "..", "directory that gets one package for each service")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	models, err := modelsDir()
	if err != nil {
		return err
	}
	services, err := readManifest("manifest.txt")
	if err != nil {
		return err
	}
	overlay, err := readTree("overlay.json")
	if err != nil {
		return err
	}
	for _, w := range services {
		if err := generate(w, models, overlay.object(w.pkg), out); err != nil {
			return fmt.Errorf("%s: %w", w.pkg, err)
		}
	}
	return nil
}

// modelsDir finds the models in the module cache; go run has put them there.
func modelsDir() (string, error) {
	list, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go").Output()
	dir := strings.TrimSpace(string(list))
	if err != nil || dir == "" {
		return "", fmt.Errorf("the module with AWS's models is not in the module cache: run `go -C internal/awsapi/gen mod download`")
	}
	return filepath.Join(dir, "models", "apis"), nil
}

func generate(w *wanted, models string, overlay *object, out string) error {
	tree, err := readTree(filepath.Join(models, w.model, "api-2.json"))
	if err != nil {
		return err
	}
	if overlay != nil {
		merge(tree, overlay)
	}
	m, err := newModel(w, tree)
	if err != nil {
		return err
	}
	dir := filepath.Join(out, w.pkg)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, emit := range map[string]func(*model) (string, error){
		"operations.go": emitOperations, "shapes.go": emitShapes, "types.go": emitTypes, "enums.go": emitEnums,
	} {
		source, err := emit(m)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := writeSource(filepath.Join(dir, name), source); err != nil {
			return err
		}
	}
	return nil
}
