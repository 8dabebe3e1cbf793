package runtimes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machineRuntime is one of the given family that this machine has by itself.
func machineRuntime(t *testing.T, prefix string) string {
	t.Helper()
	for _, name := range detect(t).Names() {
		if strings.HasPrefix(name, prefix) {
			return name
		}
	}
	t.Skipf("this machine has no %s: run scripts/deps", prefix)
	return ""
}

// A directory that holds only the SDK, wherever pip or npm put it, gives it to
// the runtime that the machine has.
func TestARegisteredSDK(t *testing.T) {
	node, python := machineRuntime(t, "nodejs"), machineRuntime(t, "python")
	const manifest, version = `{"version":"3.1.2"}`, "__version__ = '9.9.9'\n"
	for _, c := range []struct{ name, file, text, shown, sdk string }{
		{node, "node_modules/@aws-sdk/client-s3/package.json", manifest, "/var/runtime/node_modules/@aws-sdk/client-s3/package.json", "@aws-sdk 3.1.2"},
		{node, "nodejs/node_modules/@aws-sdk/client-s3/package.json", manifest, "/var/runtime/node_modules/@aws-sdk/client-s3/package.json", "@aws-sdk 3.1.2"},
		{node, "lib/node_modules/@aws-sdk/client-s3/package.json", manifest, "/var/runtime/node_modules/@aws-sdk/client-s3/package.json", "@aws-sdk 3.1.2"},
		{python, "boto3/__init__.py", version, "/var/runtime/sdk/boto3/__init__.py", "boto3 9.9.9"},
		{python, "site-packages/boto3/__init__.py", version, "/var/runtime/sdk/boto3/__init__.py", "boto3 9.9.9"},
		{python, "python/boto3/__init__.py", version, "/var/runtime/sdk/boto3/__init__.py", "boto3 9.9.9"},
		{python, "lib/" + python + "/site-packages/boto3/__init__.py", version, "/var/runtime/sdk/boto3/__init__.py", "boto3 9.9.9"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, c.file), c.text)
		if err := Vet(Registration{c.name, dir}); err != nil {
			t.Errorf("%s: %v", c.file, err)
		}
		s := detect(t, Registration{c.name, dir})
		r, err := s.Get(c.name)
		if err != nil || inRoot(r, c.shown) == "" {
			t.Errorf("%s is not in the root: %+v, %v", c.file, r, err)
		}
		i := slices.IndexFunc(s.Report(), func(st Status) bool { return st.Name == c.name })
		if st := s.Report()[i]; st.SDK != c.sdk || st.Missing != "" || !st.Present {
			t.Errorf("%s: the report says %+v", c.file, st)
		}
	}
}

// Import, which knows no NODE_PATH, finds layers and then the runtime's SDK by
// walking up.
func TestModulesAreWhereImportLooks(t *testing.T) {
	name, dir := machineRuntime(t, "nodejs"), t.TempDir()
	write(t, dir+"/node_modules/@aws-sdk/client-s3/package.json", "{}")
	r, err := detect(t, Registration{name, dir}).Get(name)
	if err != nil {
		t.Fatal(err)
	}
	for link, want := range map[string]string{
		"/var/node_modules":      "../opt/nodejs/node_modules",
		"/node_modules/@aws-sdk": "/var/runtime/node_modules/@aws-sdk",
	} {
		if got, err := os.Readlink(inRoot(r, link)); got != want {
			t.Errorf("%s leads to %q (%v), want %q", link, got, err, want)
		}
	}
}

// What an image says about itself is read in the image, and what a cell sees of
// it lies in it.
func TestLinksOfAnImageStayInIt(t *testing.T) {
	outside := t.TempDir()
	write(t, outside+"/secret", "outside")
	write(t, outside+"/boto3/__init__.py", "__version__ = 'outside'\n")
	write(t, outside+"/python3.9", "outside")
	for name, lay := range map[string]func(dir string){
		"a part that leads out":  func(dir string) { link(t, outside, dir+"/usr/lib64"); link(t, "usr/lib64", dir+"/lib64") },
		"a part through another": func(dir string) { link(t, outside, dir+"/a"); link(t, "a/x", dir+"/lib") },
		"a part that climbs out": func(dir string) { link(t, strings.Repeat("../", 30)+outside[1:], dir+"/lib") },
		"a ring":                 func(dir string) { link(t, "a", dir+"/b"); link(t, "b", dir+"/a"); link(t, "a", dir+"/sbin") },
		"an SDK that leads out":  func(dir string) { link(t, outside, dir+"/var/runtime") },
		"an SDK's file that leads out": func(dir string) {
			link(t, outside+"/boto3/__init__.py", dir+"/var/runtime/boto3/__init__.py")
		},
	} {
		dir := t.TempDir()
		write(t, dir+"/usr/bin/python3.9", "inside")
		lay(dir)
		s := detect(t, Registration{"python3.9", dir})
		for _, st := range s.Report() {
			if st.Name == "python3.9" && strings.Contains(st.SDK, "outside") {
				t.Errorf("%s: the report tells %q", name, st.SDK)
			}
		}
		r, err := s.Get("python3.9")
		if err != nil {
			continue // refused is safe
		}
		for _, b := range r.Root {
			if real, err := filepath.EvalSymlinks(b.Source); err != nil || strings.HasPrefix(real, outside) {
				t.Errorf("%s: %s of the cell is %s (%v)", name, b.Target, real, err)
			}
		}
	}
	// An interpreter outside is none.
	dir := t.TempDir()
	link(t, outside+"/python3.9", dir+"/usr/bin/python3.9")
	if err := Check(Registration{"python3.9", dir}); err == nil {
		t.Error("an interpreter outside of the image is taken")
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestVet(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(dir string) error
		want   string
	}{
		{"all is well", func(string) error { return nil }, ""},
		{"a file that everybody can write", func(d string) error { return os.Chmod(d+"/node_modules/@aws-sdk/x/f", 0o666) }, "everybody can write to"},
		{"a directory that everybody can write", func(d string) error { return os.Chmod(d+"/node_modules/@aws-sdk/x", 0o777) }, "everybody can write to"},
		{"the directory itself", func(d string) error { return os.Chmod(d, 0o777) }, "everybody can write to"},
		{"above it", func(d string) error { return os.Chmod(filepath.Dir(d), 0o777) }, "everybody can write to"},
		{"above it, sticky", func(d string) error { return os.Chmod(filepath.Dir(d), 0o777|os.ModeSticky) }, ""},
		{"a file that functions cannot read", func(d string) error { return os.Chmod(d+"/node_modules/@aws-sdk/x/f", 0o640) }, "cannot read"},
		{"a directory that they cannot search", func(d string) error { return os.Chmod(d+"/node_modules/@aws-sdk", 0o754) }, "cannot read"},
		{"what functions do not see", func(d string) error { return os.WriteFile(d+"/notes", nil, 0o600) }, ""},
		{"another's file", func(d string) error { return os.Chown(d+"/node_modules/@aws-sdk/x/f", 12345, -1) }, "belongs to another user"},
	} {
		dir := filepath.Join(t.TempDir(), "dir")
		write(t, dir+"/node_modules/@aws-sdk/x/f", "x")
		if err := c.change(dir); err != nil {
			t.Logf("%s: %v", c.name, err) // only root can give a file away
			continue
		}
		got := ""
		if err := Vet(Registration{"nodejs20.x", dir}); err != nil {
			got = err.Error()
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A node starts without laying anything: that is for when a function needs it.
func TestDetectLaysNothing(t *testing.T) {
	support := t.TempDir()
	s, err := Detect(Options{SupportDir: support})
	if err != nil {
		t.Fatal(err)
	}
	if laid, _ := os.ReadDir(support); len(laid) > 0 {
		t.Errorf("%d roots are there", len(laid))
	}
	if _, err := s.Get("provided.al2023"); err != nil {
		t.Fatal(err)
	}
	if laid, _ := os.ReadDir(support); len(laid) != 1 {
		t.Errorf("%d roots are there after one was asked for", len(laid))
	}
}

// Where the directory shares no file system with /usr, there are no links.
func TestRootsAreCopiedAcrossFileSystems(t *testing.T) {
	support, err := os.MkdirTemp("/dev/shm", "cloister-test")
	if err != nil {
		t.Skip("no /dev/shm, the other file system of this test: ", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(support) })
	s, err := Detect(Options{SupportDir: support})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Get("provided.al2023")
	if err != nil {
		t.Fatal(err)
	}
	sh := inRoot(r, "/usr/bin/sh")
	if sh == "" {
		t.Fatal("there is no shell")
	}
	got, _ := os.ReadFile(sh)
	want, err := os.ReadFile("/bin/sh")
	if err != nil || string(got) != string(want) {
		t.Errorf("the shell is another: %v", err)
	}
	checkBind(t, r.Name, r.Root[0])
}

// A root that could not be laid is laid when it can be.
func TestAFailureIsNotForEver(t *testing.T) {
	support := filepath.Join(t.TempDir(), "support")
	s, err := Detect(Options{SupportDir: support})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(support); err != nil {
		t.Fatal(err)
	}
	write(t, support, "in the way")
	if _, err := s.Get("provided.al2"); err == nil || !strings.Contains(err.Error(), "cannot be laid") {
		t.Errorf("in the way of a file: %v", err)
	}
	if err := os.Remove(support); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("provided.al2"); err != nil {
		t.Error(err)
	}
}
