package runtimes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/cell"
)

var runtimeName = regexp.MustCompile(`^(python3\.\d{1,2}|nodejs\d{1,2}\.x|provided(\.al2|\.al2023)?)$`)

// findRegistered adds the runtimes that were registered as whole root file
// systems. They replace the machine's own of the same name.
func findRegistered(s *Set, o Options) {
	for _, r := range o.Registered {
		if registeredSDK(o, r.Name, "boto3") == r.Dir || registeredSDK(o, r.Name, "node_modules") == r.Dir {
			if !s.Has(r.Name) {
				s.refuse(r, errors.New("it holds only the SDK, and this machine has no such interpreter: register a root file system"))
			}
			continue
		}
		c, err := image(r, o)
		if err != nil {
			s.refuse(r, err)
			continue
		}
		s.add(c)
	}
}

func (s *Set) refuse(r Registration, err error) {
	s.bad = append(s.bad, Status{Name: r.Name, Missing: fmt.Sprintf("the registered %s cannot be used: %v", r.Dir, err),
		Remedy: "cloister runtimes add " + r.Name + " DIRECTORY"})
}

// Check says why a registration cannot be used; nil: it can.
func Check(r Registration) error {
	if !runtimeName.MatchString(r.Name) {
		return fmt.Errorf("%q is not a runtime: want python3.N, nodejsN.x, provided.al2 or provided.al2023", r.Name)
	}
	if !filepath.IsAbs(r.Dir) || !isDir(r.Dir) {
		return fmt.Errorf("%q is not an absolute path of a directory", r.Dir)
	}
	if isDir(filepath.Join(r.Dir, "boto3")) || isDir(filepath.Join(r.Dir, "node_modules")) {
		return nil
	}
	_, err := imageBinary(r)
	return err
}

// image is a runtime in a root file system of its own, such as an unpacked OCI
// image of AWS's. Its own /etc is hidden by the platform's.
func image(r Registration, o Options) (*candidate, error) {
	if err := Check(r); err != nil {
		return nil, err
	}
	bin, err := imageBinary(r)
	if err != nil {
		return nil, err
	}
	c := &candidate{name: r.Name, sdk: imageSDK(r)}
	c.build = func() (*Runtime, error) {
		t, err := newTree(filepath.Join(o.SupportDir, "image-"+r.Name))
		if err != nil {
			return nil, err
		}
		rt := &Runtime{}
		loop := func() error { return nil }
		switch {
		case strings.HasPrefix(r.Name, "python"):
			rt.Args = []string{bin, "/var/support/bootstrap.py"}
			rt.Env = []string{"PYTHONPATH=/var/runtime", "SSL_CERT_FILE=" + caBundles[0]}
			loop = func() error { return t.text("/var/support/bootstrap.py", pythonLoop) }
		case strings.HasPrefix(r.Name, "nodejs"):
			rt.Args = []string{bin, "/var/support/bootstrap.cjs"}
			rt.Env = []string{"NODE_PATH=/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"}
			loop = func() error { return t.text("/var/support/bootstrap.cjs", nodeLoop) }
		}
		rt, err = finish(t, rt, t.base(o.ExtraCA), loop, func() error { return imageBinds(t, r.Dir) })
		return rt, err
	}
	return c, nil
}

// imageBinary finds the interpreter, by its path in the image. Provided
// runtimes have none.
func imageBinary(r Registration) (string, error) {
	var names []string
	switch {
	case strings.HasPrefix(r.Name, "python"):
		names = []string{r.Name}
	case strings.HasPrefix(r.Name, "nodejs"):
		names = []string{"node"}
	default:
		return "", nil
	}
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return "", err
	}
	defer root.Close() //nolint:errcheck // only read from
	for _, dir := range []string{"var/lang/bin", "usr/local/bin", "usr/bin"} {
		for _, name := range names {
			if _, err := root.Lstat(filepath.Join(dir, name)); err == nil {
				return "/" + filepath.Join(dir, name), nil
			}
		}
	}
	return "", fmt.Errorf("there is no %s in its var/lang/bin, usr/local/bin or usr/bin, nor boto3 or node_modules at its top", names[0])
}

func imageSDK(r Registration) string {
	for _, pattern := range []string{"var/lang/lib/python*/site-packages/boto3/__init__.py", "var/runtime/boto3/__init__.py",
		"usr/local/lib/python*/site-packages/boto3/__init__.py", "usr/lib/python3/dist-packages/boto3/__init__.py"} {
		if found, _ := filepath.Glob(filepath.Join(r.Dir, pattern)); len(found) > 0 {
			return "boto3 " + pythonVersion(found[0])
		}
	}
	if m := filepath.Join(r.Dir, "var/runtime/node_modules"); isDir(filepath.Join(m, "@aws-sdk")) {
		return sdkVersion(m)
	}
	return ""
}

// imageParts are the directories of an image that a cell sees.
var imageParts = []string{"usr", "bin", "sbin", "lib", "lib64", "var/lang", "var/runtime"}

// imageBinds shows the parts of an image.
func imageBinds(t *tree, dir string) error {
	for _, part := range imageParts {
		src, err := imagePart(dir, part)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := t.replace(src, "/"+part); err != nil {
			return err
		}
	}
	return nil
}

// imagePart is where a directory of an image lies. A link, as /lib is one on
// many systems, is followed once, inside the image and not on this machine.
func imagePart(dir, part string) (string, error) {
	p := filepath.Join(dir, part)
	st, err := os.Lstat(p)
	if err == nil && st.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(p)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join("/", filepath.Dir(part), target)
		}
		p = filepath.Join(dir, filepath.Clean(target))
		st, err = os.Lstat(p)
		if err != nil {
			return "", err
		}
	}
	if err == nil && !st.IsDir() {
		err = fmt.Errorf("%s of the image is not a directory", part)
	}
	return p, err
}

// replace binds a directory over whatever the tree has there.
func (t *tree) replace(src, target string) error {
	t.binds = slices.DeleteFunc(t.binds, func(b cell.Bind) bool { return strings.HasPrefix(b.Target+"/", target+"/") })
	if err := os.RemoveAll(filepath.Join(t.dir, target)); err != nil {
		return err
	}
	delete(t.have, target)
	return t.directory(src, target)
}
