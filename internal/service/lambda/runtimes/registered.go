package runtimes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cloister/internal/cell"
)

// findRegistered adds the runtimes that were registered as whole root file
// systems. They replace the machine's own of the same name.
func findRegistered(s *Set, o Options) {
	for _, r := range o.Registered {
		if err := Check(r); err != nil {
			s.refuse(r, err)
			continue
		}
		if sdkOnly(r) == "" {
			s.add(image(r, o))
		} else if !s.Has(r.Name) {
			s.refuse(r, errors.New("it holds only the SDK, and this machine has no such interpreter: register a root file system"))
		}
	}
}

func (s *Set) refuse(r Registration, err error) {
	s.bad = append(s.bad, Status{Name: r.Name, Missing: fmt.Sprintf("the registered %s cannot be used: %v", r.Dir, err),
		Remedy: "cloister runtimes add " + r.Name + " DIRECTORY, or cloister runtimes remove " + r.Name})
}

// image is a runtime in a root file system of its own, such as an unpacked OCI
// image of AWS's. Its own /etc is hidden by the platform's.
func image(r Registration, o Options) *candidate {
	c := &candidate{name: r.Name, sdk: imageSDK(r)}
	c.build = func() (*Runtime, error) {
		bin, err := imageBinary(r)
		if err != nil {
			return nil, err
		}
		t, err := newTree(filepath.Join(o.SupportDir, "image-"+r.Name))
		if err != nil {
			return nil, err
		}
		rt := &Runtime{}
		steps := []func() error{func() error { return imageBinds(t, r.Dir) }}
		switch {
		case strings.HasPrefix(r.Name, "python"):
			rt.Args = []string{bin, "/var/support/bootstrap.py"}
			rt.Env = []string{"PYTHONPATH=/var/runtime", "SSL_CERT_FILE=" + caBundles[0]}
			steps = append(steps, func() error { return t.text("/var/support/bootstrap.py", pythonLoop) })
		case strings.HasPrefix(r.Name, "nodejs"):
			rt.Args = []string{bin, "/var/support/bootstrap.cjs"}
			rt.Env = nodeEnv(nodeMajor(r.Name), o.ExtraCA)
			steps = append(steps,
				func() error { return t.text("/var/support/bootstrap.cjs", nodeLoop) },
				func() error { return t.nodeModules(dirWithin(r.Dir, "var/runtime/node_modules")) })
		}
		return finish(t, rt, t.base(o.ExtraCA), steps...)
	}
	return c
}

// imageSDK says which SDK the functions of an image can import.
func imageSDK(r Registration) string {
	for _, dir := range []string{"var/lang/lib/" + r.Name + "/site-packages", "var/runtime",
		"usr/local/lib/" + r.Name + "/site-packages", "usr/lib/python3/dist-packages"} {
		if file, err := within(r.Dir, dir+"/boto3/__init__.py"); err == nil {
			return "boto3 " + pythonVersion(file)
		}
	}
	if m := dirWithin(r.Dir, "var/runtime/node_modules"); m != "" && isDir(filepath.Join(m, "@aws-sdk")) {
		return sdkVersion(m)
	}
	return ""
}

// imageParts are the directories of an image that a cell sees.
var imageParts = []string{"usr", "bin", "sbin", "lib", "lib64", "var/lang", "var/runtime"}

// imageBinds shows the parts of an image.
func imageBinds(t *tree, dir string) error {
	for _, part := range imageParts {
		src, err := within(dir, part)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !isDir(src) {
			return fmt.Errorf("%s of the image is not a directory", part)
		}
		if err := t.replace(src, "/"+part); err != nil {
			return err
		}
	}
	return nil
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
