package runtimes

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// python is an installed interpreter.
type python struct {
	bin     string // "/usr/bin/python3.11"
	prefix  string // "/usr"
	version string // "3.11"
	sdk     string // a registered directory with boto3, or empty
}

var pythonBin = regexp.MustCompile(`^python(3\.\d+)$`)

// findPython adds the interpreters in the system's own directories: those of a
// user's home could be written by others.
func findPython(s *Set, o Options) {
	for _, prefix := range []string{"/usr/local", "/usr"} {
		bins, _ := filepath.Glob(prefix + "/bin/python3.*")
		for _, bin := range bins {
			m := pythonBin.FindStringSubmatch(filepath.Base(bin))
			if m == nil || !isDir(filepath.Join(prefix, "lib", "python"+m[1])) {
				continue
			}
			p := &python{bin: bin, prefix: prefix, version: m[1], sdk: registeredSDK(o, "python"+m[1])}
			s.add(p.candidate(o))
		}
	}
}

func isDir(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.IsDir()
}

func (p *python) candidate(o Options) *candidate {
	name := "python" + p.version
	c := &candidate{name: name, version: p.version, sdk: p.boto3()}
	c.remedy = p.bin + " -m pip install --target DIR boto3 && cloister runtimes add " + name + " DIR"
	if p.prefix == "/usr" {
		c.remedy = "apt-get install python3-boto3"
	}
	c.build = func() (*Runtime, error) {
		t, err := newTree(filepath.Join(o.SupportDir, name))
		if err != nil {
			return nil, err
		}
		r := &Runtime{
			Args: []string{p.bin, "-S", "/var/runtime/bootstrap.py"},
			Env:  []string{"PYTHONPATH=/var/runtime", "SSL_CERT_FILE=" + caBundles[0]},
		}
		return finish(t, r, t.base(o.ExtraCA), t.commands, func() error { return p.lay(t) })
	}
	return c
}

// packages are the directories in which the machine keeps Python packages for
// this interpreter.
func (p *python) packages() []string {
	var dirs []string
	for _, d := range []string{"/usr/local/lib/python" + p.version + "/dist-packages", "/usr/lib/python3/dist-packages"} {
		if p.prefix == "/usr" && isDir(d) {
			dirs = append(dirs, d)
		}
	}
	return dirs
}

func (p *python) lay(t *tree) error {
	lib := filepath.Join(p.prefix, "lib", "python"+p.version)
	steps := []func() error{
		func() error { return t.program(p.bin, p.bin) },
		func() error { return t.directory(lib, lib) },
		func() error { return t.text("/var/runtime/bootstrap.py", pythonLoop) },
		func() error { return t.extensions(filepath.Join(lib, "lib-dynload")) },
		t.openssl,
	}
	if filepath.Join("/usr/bin", filepath.Base(p.bin)) == p.bin {
		steps = append(steps, func() error { return t.symlink(filepath.Base(p.bin), "/usr/bin/python3") })
	}
	dirs := p.packages()
	for _, d := range dirs {
		steps = append(steps, func() error { return t.directory(d, d) })
	}
	if p.sdk != "" {
		dirs = append(dirs, p.sdk)
		steps = append(steps, func() error { return t.directory(p.sdk, "/var/runtime/sdk") })
	}
	steps = append(steps, func() error { return t.extensions(dirs...) })
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// boto3 says which boto3 functions can import.
func (p *python) boto3() string {
	dirs := p.packages()
	if p.sdk != "" {
		dirs = append([]string{p.sdk}, dirs...)
	}
	dirs = append(dirs, filepath.Join(p.prefix, "lib", "python"+p.version, "site-packages"))
	for _, d := range dirs {
		if v := pythonVersion(filepath.Join(d, "boto3", "__init__.py")); v != "" {
			return "boto3 " + v
		}
	}
	return ""
}

// pythonVersion reads the __version__ of a module's source.
func pythonVersion(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "__version__ = "); ok {
			return strings.Trim(v, `'"`)
		}
	}
	return "of unknown version"
}
