package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloister/internal/seal"
)

func testKeys(t *testing.T, dir string) *seal.Keyring {
	t.Helper()
	keys, err := seal.Open(seal.RootOptions{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func env(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestTheRootCredentialIsMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	keys := testKeys(t, dir)
	made, changed, err := ensureRootCredential(dir, keys, env(nil))
	if err != nil || changed {
		t.Fatalf("changed %v, %v", changed, err)
	}
	again, changed, err := ensureRootCredential(dir, keys, env(nil))
	if err != nil || changed || again.AccessKeyID != made.AccessKeyID || !again.Secret.Equal(made.Secret) {
		t.Errorf("another start has another credential (%v)", err)
	}
	info, err := os.Stat(filepath.Join(dir, rootFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestTheEnvironmentSetsTheRootCredential(t *testing.T) {
	dir := t.TempDir()
	keys := testKeys(t, dir)
	given := map[string]string{EnvRootKeyID: "test", EnvRootSecret: "secret"}
	for i, wantChanged := range []bool{false, false, true} {
		if i == 2 {
			given[EnvRootSecret] = "another"
		}
		root, changed, err := ensureRootCredential(dir, keys, env(given))
		if err != nil || changed != wantChanged || root.AccessKeyID != "test" {
			t.Errorf("start %d: changed %v, %v", i, changed, err)
		}
	}
	if _, _, err := ensureRootCredential(dir, keys, env(map[string]string{EnvRootKeyID: "x"})); err == nil || !strings.Contains(err.Error(), "both") {
		t.Errorf("half a credential: %v", err)
	}
}

// Whoever can write the file but does not hold the root key is not root.
func TestAnEditedRootCredentialIsRefused(t *testing.T) {
	dir := t.TempDir()
	keys := testKeys(t, dir)
	if _, _, err := ensureRootCredential(dir, keys, env(nil)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, rootFile)
	cases := map[string]struct {
		edit func(text string) string
		mode os.FileMode
		want string
	}{
		"another secret":  {func(s string) string { return strings.Replace(s, `"SecretAccessKey": "`, `"SecretAccessKey": "x`, 1) }, 0o600, "somebody changed"},
		"no seal":         {func(string) string { return `{"AccessKeyId":"a","SecretAccessKey":"b"}` }, 0o600, "somebody changed"},
		"no credential":   {func(string) string { return `{}` }, 0o600, "does not hold a credential"},
		"readable by all": {func(s string) string { return s }, 0o644, "chmod 600"},
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(c.edit(string(text))), c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			if _, _, err := ensureRootCredential(dir, keys, env(nil)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestADirectoryOfOthersIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := lockDir(dir); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("a directory that others can write to: %v", err)
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if _, err := lockDir(dir); err == nil || !strings.Contains(err.Error(), "another node") {
		t.Errorf("a second lock: %v", err)
	}
}

// A file that lies in wait under the temporary name is not written to.
func TestWriteFileDoesNotFollowWhatLiesInWait(t *testing.T) {
	dir := t.TempDir()
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Symlink(elsewhere, filepath.Join(dir, "f.new")); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(filepath.Join(dir, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(elsewhere); err == nil {
		t.Error("the link was followed")
	}
}

func TestConfigRefusesTheUnsafe(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"plaintext for the world": {Config{Listen: "0.0.0.0:0", Plaintext: true}, "loopback only"},
		"plaintext on any":        {Config{Listen: ":0", Plaintext: true}, "loopback only"},
		"no port":                 {Config{Listen: "127.0.0.1"}, "HOST:PORT"},
		"password in the URL":     {Config{Listen: "127.0.0.1:0", Store: "postgres://a:b@h/d"}, "PGPASSFILE"},
		"password as a parameter": {Config{Listen: "127.0.0.1:0", Store: "postgres://a@h/d?password=b"}, "PGPASSFILE"},
		"another store":           {Config{Listen: "127.0.0.1:0", Store: "mysql://a"}, "postgres://"},
		"plaintext on loopback":   {Config{Listen: "127.0.0.1:0", Plaintext: true}, ""},
		"plaintext on localhost":  {Config{Listen: "localhost:0", Plaintext: true}, ""},
	} {
		err := c.config.check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
