package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"cloister/internal/service/lambda/runtimes"
)

// runtimesDir holds the runtimes that an administrator added: a link for each,
// named as the runtime, to the directory that has it.
const runtimesDir = "runtimes"

var runtimeName = regexp.MustCompile(`^(python3\.\d{1,2}|nodejs\d{1,2}\.x|provided\.al20?\d{1,4})$`)

// RegisterRuntime makes the directory source known to the node on dir as the
// runtime name. The node sees it when it is started next.
func RegisterRuntime(dir, name, source string) error {
	if !runtimeName.MatchString(name) {
		return fmt.Errorf("%q is not the name of a runtime: use python3.N, nodejsN.x or provided.al2023", name)
	}
	source, err := filepath.Abs(source)
	if err != nil {
		return err
	}
	if info, err := os.Stat(source); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is not a directory: give one that looks like a root file system, or an OCI layout", source)
	}
	at := filepath.Join(dir, runtimesDir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(source, at)
}

// RegisteredRuntimes lists what RegisterRuntime made known.
func RegisteredRuntimes(dir string) ([]runtimes.Registration, error) {
	entries, err := os.ReadDir(filepath.Join(dir, runtimesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []runtimes.Registration
	for _, entry := range entries {
		target, err := filepath.EvalSymlinks(filepath.Join(dir, runtimesDir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("the runtime %s: %w; add it again with cloister runtimes add", entry.Name(), err)
		}
		found = append(found, runtimes.Registration{Name: entry.Name(), Dir: target})
	}
	return found, nil
}
