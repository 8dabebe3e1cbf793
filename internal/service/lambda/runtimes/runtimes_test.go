package runtimes

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cloister/internal/cell"
)

func detect(t *testing.T, registered ...Registration) *Set {
	t.Helper()
	s, err := Detect(Options{SupportDir: t.TempDir(), Registered: registered, ExtraCA: []byte("-----BEGIN CERTIFICATE-----\nours\n")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestProvidedRuntimesAreAlwaysThere(t *testing.T) {
	s := detect(t)
	for _, name := range []string{"provided.al2", "provided.al2023"} {
		r, err := s.Get(name)
		if err != nil || len(r.Args) != 0 || !slices.Contains(s.Names(), name) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if _, err := s.Get("cobol"); !errors.As(err, new(*NotFoundError)) || s.Has("cobol") {
		t.Errorf("a runtime that nobody has: %v", err)
	}
}

// Every root of this machine keeps the promises that the cell's contract and
// the platform's make.
func TestRootsCanBeBound(t *testing.T) {
	s := detect(t)
	for _, name := range s.Names() {
		r, err := s.Get(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(r.Root) > 100 {
			t.Errorf("%s needs %d binds", name, len(r.Root))
		}
		for _, b := range r.Root {
			checkBind(t, name, b)
		}
		if len(r.Args) > 0 && inRoot(r, r.Args[0]) == "" {
			t.Errorf("%s: %s is not in its root", name, r.Args[0])
		}
		ca, err := os.ReadFile(inRoot(r, caBundles[0]))
		if err != nil || !strings.HasSuffix(string(ca), "ours\n") {
			t.Errorf("%s: its certificates do not end with the platform's: %v", name, err)
		}
		if hosts, _ := os.ReadFile(inRoot(r, "/etc/hosts")); string(hosts) != etc["hosts"] {
			t.Errorf("%s shows %q as /etc/hosts", name, hosts)
		}
	}
}

func checkBind(t *testing.T, name string, b cell.Bind) {
	t.Helper()
	st, err := os.Stat(b.Source)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if want := os.FileMode(map[bool]int{true: 0o005, false: 0o004}[st.IsDir()]); st.Mode().Perm()&want != want {
		t.Errorf("%s: not everybody can read %s", name, b.Source)
	}
	for _, dir := range []string{"/etc", "/root", "/home", "/var/lib", "/proc", "/sys", "/dev", "/"} {
		if filepath.Clean(b.Source) == dir {
			t.Errorf("%s shows the machine's %s", name, dir)
		}
	}
}

// inRoot is the machine's path of a path in the cell: the last bind wins.
func inRoot(r *Runtime, path string) string {
	for _, b := range slices.Backward(r.Root) {
		if rest, ok := strings.CutPrefix(path, b.Target); ok && (rest == "" || rest[0] == '/') {
			if _, err := os.Lstat(b.Source + rest); err == nil {
				return b.Source + rest
			}
		}
	}
	return ""
}

// The libraries that are found by reading must be those that the loader loads,
// for programs that are trusted enough to ask it.
func TestClosureAgreesWithTheLoader(t *testing.T) {
	soname := regexp.MustCompile(`^\s*(\S+) => (/\S+)`)
	for _, bin := range []string{"/usr/bin/python3", "/usr/bin/node", "/bin/ls", "/usr/bin/curl"} {
		bin, err := filepath.EvalSymlinks(bin)
		if err != nil {
			continue
		}
		out, err := exec.Command("ldd", bin).Output()
		if err != nil {
			t.Logf("ldd %s: %v", bin, err)
			continue
		}
		files, err := newLibraries().closure(bin)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range files {
			names = append(names, filepath.Base(f))
		}
		for line := range strings.SplitSeq(string(out), "\n") {
			if m := soname.FindStringSubmatch(line); m != nil && !slices.Contains(names, m[1]) {
				t.Errorf("%s: %s was not found", bin, m[1])
			}
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestARegisteredImage(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/var/lang/bin/python3.9", "interpreter")
	write(t, dir+"/usr/lib/x", "library")
	write(t, dir+"/etc/passwd", "the image's own")
	if err := os.Symlink("usr/lib", dir+"/lib"); err != nil {
		t.Fatal(err)
	}
	r, err := detect(t, Registration{"python3.9", dir}).Get("python3.9")
	if err != nil || r.Args[0] != "/var/lang/bin/python3.9" {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := (&cell.Spec{ID: "x", Root: r.Root, Args: r.Args, MemoryBytes: 128 << 20}).Validate(); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{"/var/lang/bin/python3.9": "interpreter", "/usr/lib/x": "library", "/lib/x": "library", "/etc/passwd": etc["passwd"]} {
		if got, err := os.ReadFile(inRoot(r, path)); string(got) != want {
			t.Errorf("%s is %q (%v)", path, got, err)
		}
	}
}

func TestCheckRegistration(t *testing.T) {
	empty := t.TempDir()
	full := t.TempDir()
	write(t, full+"/usr/bin/node", "x")
	for _, c := range []struct {
		r    Registration
		want string // part of the refusal; empty: none
	}{
		{Registration{"nodejs22.x", full}, ""},
		{Registration{"provided.al2023", empty}, ""},
		{Registration{"nodejs22.x", empty}, "there is no node"},
		{Registration{"python3.12", full}, "there is no python3.12"},
		{Registration{"java21", full}, "is not a runtime"},
		{Registration{"../x", full}, "is not a runtime"},
		{Registration{"nodejs22.x", "relative"}, "not an absolute path"},
		{Registration{"nodejs22.x", full + "/nowhere"}, "not an absolute path of a directory"},
	} {
		got := ""
		if err := Check(c.r); err != nil {
			got = err.Error()
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.r, got, c.want)
		}
	}
}

func TestABadRegistrationIsReportedAndHarmless(t *testing.T) {
	s := detect(t, Registration{"nodejs99.x", t.TempDir()})
	if s.Has("nodejs99.x") {
		t.Error("it is offered")
	}
	i := slices.IndexFunc(s.Report(), func(st Status) bool { return st.Name == "nodejs99.x" })
	if i < 0 || s.Report()[i].Present || !strings.Contains(s.Report()[i].Missing, "cannot be used") {
		t.Errorf("the report says %+v", s.Report())
	}
}

func TestVersions(t *testing.T) {
	header := []byte("#define NODE_MAJOR_VERSION 20\n#define NODE_MINOR_VERSION 3\n#define NODE_PATCH_VERSION 1\n")
	if got := versionInHeader(header); got != "20.3.1" {
		t.Errorf("in a header: %q", got)
	}
	bin := filepath.Join(t.TempDir(), "node")
	write(t, bin, "\x7fELF\x00\x00https://nodejs.org/download/release/v18.1.0/node-v18.1.0.tar.gz\x00")
	if got := versionInBinary(bin); got != "18.1.0" {
		t.Errorf("in a binary: %q", got)
	}
}

func FuzzReadProgram(f *testing.F) {
	if b, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(b[:min(len(b), 4096)])
	}
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := readProgram(file); err == nil && p == nil {
			t.Error("neither a program nor an error")
		}
	})
}
