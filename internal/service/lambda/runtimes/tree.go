package runtimes

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cloister/internal/cell"
)

// copyLimit is the largest file that is laid into a tree; larger ones are
// bound from where they are.
const copyLimit = 16 << 20

// tree builds the root of a runtime as a directory of links to, or copies of,
// the machine's files. A root of few binds starts faster than one of a bind
// for each library.
type tree struct {
	dir   string
	libs  *libraries
	binds []cell.Bind
	have  map[string]bool // targets
}

func newTree(dir string) (*tree, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return &tree{dir: dir, libs: newLibraries(), have: map[string]bool{}}, nil
}

// root is the finished tree, to be bound in this order.
func (t *tree) root() ([]cell.Bind, error) {
	tops, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, err
	}
	var root []cell.Bind
	for _, top := range tops {
		b := cell.Bind{Source: filepath.Join(t.dir, top.Name()), Target: "/" + top.Name()}
		if !slices.ContainsFunc(t.binds, func(other cell.Bind) bool { return other.Target == b.Target }) {
			root = append(root, b)
		}
	}
	return append(root, t.binds...), filepath.WalkDir(t.dir, openToAll)
}

// openToAll makes up for a umask: cells run under other user ids.
func openToAll(p string, d fs.DirEntry, err error) error {
	if err != nil || !d.IsDir() {
		return err
	}
	return os.Chmod(p, 0o755)
}

// at is where a path of the cell lies in the tree, its directory made.
func (t *tree) at(target string) (string, error) {
	p := filepath.Join(t.dir, target)
	return p, os.MkdirAll(filepath.Dir(p), 0o755)
}

// file lays the machine's file src at target.
func (t *tree) file(src, target string) error {
	if t.have[target] {
		return nil
	}
	t.have[target] = true
	src, err := filepath.EvalSymlinks(src)
	if err != nil {
		return err
	}
	st, err := os.Stat(src)
	if err != nil {
		return err
	}
	dst, err := t.at(target)
	if err != nil {
		return err
	}
	if st.Size() > copyLimit {
		t.binds = append(t.binds, cell.Bind{Source: src, Target: target})
		return os.WriteFile(dst, nil, 0o644)
	}
	return linkOrCopy(src, dst, st.Mode().Perm()&0o555|0o444)
}

// linkOrCopy copies where the kernel or the file system refuses a link.
func linkOrCopy(src, dst string, mode fs.FileMode) error {
	if st, err := os.Stat(src); err == nil && st.Mode()&(fs.ModeSetuid|fs.ModeSetgid) == 0 && st.Mode().Perm()&0o004 != 0 && os.Link(src, dst) == nil {
		return nil
	}
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// program lays a program or library with everything that it loads. Scripts are
// laid as they are.
func (t *tree) program(src, target string) error {
	if err := t.file(src, target); err != nil {
		return err
	}
	return t.needsOf(src)
}

// needsOf lays what a program loads, but not the program.
func (t *tree) needsOf(src string) error {
	files, err := t.libs.closure(src)
	if errors.Is(err, errNotELF) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := t.file(f, t.libTarget(f)); err != nil {
			return err
		}
	}
	return nil
}

// libTarget keeps a library where the loader looks without a cache; others
// move to where it does.
func (t *tree) libTarget(file string) string {
	dir := filepath.Dir(file)
	if strings.HasPrefix(dir, "/lib") || strings.HasPrefix(dir, "/usr/lib") {
		return file
	}
	return filepath.Join("/usr/lib64", filepath.Base(file))
}

// directory shows a whole directory of the machine.
func (t *tree) directory(src, target string) error {
	if t.have[target] {
		return nil
	}
	t.have[target] = true
	if src, err := filepath.EvalSymlinks(src); err != nil {
		return err
	} else if err := os.MkdirAll(filepath.Join(t.dir, target), 0o755); err != nil {
		return err
	} else {
		t.binds = append(t.binds, cell.Bind{Source: src, Target: target})
	}
	return nil
}

// text writes a file of the platform's own.
func (t *tree) text(target string, data []byte) error {
	dst, err := t.at(target)
	if err != nil {
		return err
	}
	if err := os.WriteFile(dst, data, 0o644); err != nil {
		return err
	}
	return os.Chmod(dst, 0o644)
}

func (t *tree) symlink(target, name string) error {
	dst, err := t.at(name)
	if err != nil {
		return err
	}
	return os.Symlink(target, dst)
}

// extensions lays the libraries of the extension modules below dirs, two
// levels deep: as far as packages keep them.
func (t *tree) extensions(dirs ...string) error {
	for _, dir := range dirs {
		var files []string
		for _, pattern := range []string{"*.so", "*/*.so", "*/*/*.so"} {
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			files = append(files, found...)
		}
		slices.Sort(files)
		for _, f := range files {
			if err := t.needsOf(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// openssl lays the modules that OpenSSL loads by itself, beside its library.
func (t *tree) openssl() error {
	for _, dir := range t.libs.dirs {
		modules, _ := filepath.Glob(filepath.Join(dir, "ossl-modules", "*.so"))
		for _, m := range modules {
			if err := t.program(m, m); err != nil {
				return err
			}
		}
	}
	return nil
}
