package seal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func mustOpen(t *testing.T, o RootOptions) *Keyring {
	t.Helper()
	k, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func writeFile(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// says checks that an error names the next step.
func says(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// custodyOf is a passphrase's custody, or for no file the file's.
func custodyOf(passphraseFile string) Custody {
	if passphraseFile == "" {
		return nil
	}
	return PassphraseCustody{passphraseFile}
}

// fresh makes a directory with a root key, and a value sealed under it.
func fresh(t *testing.T, passphraseFile string) (dir string, sealed []byte) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	k := mustOpen(t, RootOptions{Dir: dir, Custody: custodyOf(passphraseFile), Create: true})
	return dir, k.Seal("t", []byte("k"), []byte("hello"))
}

func TestRootKeyFileComesBack(t *testing.T) {
	dir, sealed := fresh(t, "")
	for _, create := range []bool{false, true} {
		k := mustOpen(t, RootOptions{Dir: dir, Create: create})
		if got, err := k.Open("t", []byte("k"), sealed); err != nil || string(got) != "hello" {
			t.Errorf("create %v: opened %q, %v", create, got, err)
		}
	}
	for _, name := range []string{"root.json", "keyring"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", name, info.Mode(), err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("files left behind: %v", left)
	}
}

func TestPassphraseComesBack(t *testing.T) {
	file := writeFile(t, filepath.Join(t.TempDir(), "p"), "correct horse battery\n", 0o600)
	dir, sealed := fresh(t, file)
	withoutNewline := writeFile(t, filepath.Join(t.TempDir(), "p"), "correct horse battery", 0o600)
	k := mustOpen(t, RootOptions{Dir: dir, Custody: custodyOf(withoutNewline)})
	if got, err := k.Open("t", []byte("k"), sealed); err != nil || string(got) != "hello" {
		t.Errorf("opened %q, %v", got, err)
	}

	wrong := writeFile(t, filepath.Join(t.TempDir(), "p"), "correct horse batteries", 0o600)
	_, err := Open(RootOptions{Dir: dir, Custody: custodyOf(wrong), Create: true})
	says(t, err, wrong, "give the passphrase that this directory was made with")
	if !errors.Is(err, ErrWrongPassphrase) || strings.Contains(err.Error(), "batteries") {
		t.Errorf("error %q", err)
	}
}

func TestRootKeyThatOthersCanReadIsRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o660, 0o601} {
		dir, _ := fresh(t, "")
		if err := os.Chmod(rootFile(dir), mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(RootOptions{Dir: dir, Create: true})
		says(t, err, "root.json has mode 0", "chmod 600")
	}
	file := writeFile(t, filepath.Join(t.TempDir(), "p"), "correct horse battery", 0o644)
	_, err := Open(RootOptions{Dir: t.TempDir(), Custody: custodyOf(file), Create: true})
	says(t, err, "mode 0644", "chmod 600")
}

func rootJSON(custody, kept string) string {
	return fmt.Sprintf(`{"custody": %q, "made": "2026-01-02T03:04:05Z", "kept": %s}`, custody, kept)
}

// Each case damages a good directory; opening it must fail with the next step
// and must never make a new key in place of the lost one.
func TestDamagedCustodyIsRefused(t *testing.T) {
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { _ = os.Remove(filepath.Join(dir, name)) }
	}
	replace := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, name), content, 0o600) }
	}
	for _, c := range []struct {
		name   string
		damage func(*testing.T, string)
		want   []string
	}{
		{"root key lost", remove("root.json"), []string{"no root key", "restore root.json"}},
		{"keyring lost", remove("keyring"), []string{"keyring is missing", "backup"}},
		{"root key emptied", replace("root.json", ""), []string{"is damaged", "backup"}},
		{"root key cut", replace("root.json", rootJSON("file", `"cloister-root-key-1:AAAA"`)), []string{"does not hold a root key"}},
		{"root key of another kind", replace("root.json", rootJSON("file", `{}`)), []string{"does not hold a root key"}},
		{"custody of another version", replace("root.json", rootJSON("smartcard", `{}`)), []string{"smartcard", "the version of cloister"}},
		{"root key of another", func(t *testing.T, dir string) {
			_, kept, _ := FileCustody{}.Make()
			replace("root.json", rootJSON("file", string(kept)))(t, dir)
		}, []string{"does not belong to the root key", "restore both"}},
		{"keyring emptied", replace("keyring", ""), []string{"does not belong"}},
		{"keyring of another", func(t *testing.T, dir string) {
			replace("keyring", string(newRing().seal(Secret{randomKey()})))(t, dir)
		}, []string{"does not belong"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, _ := fresh(t, "")
			c.damage(t, dir)
			before, _ := os.ReadDir(dir)
			_, err := Open(RootOptions{Dir: dir, Create: true})
			says(t, err, c.want...)
			if after, _ := os.ReadDir(dir); len(after) != len(before) {
				t.Errorf("%v became %v", before, after)
			}
		})
	}
}

func TestEveryFlippedByteOfTheKeyringIsRefused(t *testing.T) {
	root := Secret{randomKey()}
	sealed := newRing().seal(root)
	for i := range sealed {
		sealed[i] ^= 0x10
		if _, err := openRing(root, sealed); !errors.Is(err, ErrTampered) {
			t.Errorf("byte %d: %v", i, err)
		}
		sealed[i] ^= 0x10
	}
}

func TestKeyringWithoutKeysIsRefused(t *testing.T) {
	root := Secret{randomKey()}
	for name, r := range map[string]*ring{
		"nothing":       {},
		"no generation": {Stable: randomKey()},
		"short key":     {Stable: randomKey(), Generations: []generation{{ID: 1, Key: []byte("short")}}},
	} {
		if _, err := openRing(root, r.seal(root)); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestCustodyIsNotMixedUp(t *testing.T) {
	file := writeFile(t, filepath.Join(t.TempDir(), "p"), "correct horse battery", 0o600)
	plain, _ := fresh(t, "")
	_, err := Open(RootOptions{Dir: plain, Custody: custodyOf(file), Create: true})
	says(t, err, "leave out the --root-key flags")
	locked, _ := fresh(t, file)
	_, err = Open(RootOptions{Dir: locked, Create: true})
	says(t, err, "--root-key-passphrase-file")
}

func TestNothingIsMadeUnlessAsked(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(RootOptions{Dir: dir})
	if !errors.Is(err, ErrNoRootKey) {
		t.Error(err)
	}
	file := writeFile(t, filepath.Join(t.TempDir(), "p"), "correct horse battery", 0o600)
	_, err = Open(RootOptions{Dir: dir, Custody: custodyOf(file)})
	if !errors.Is(err, ErrNoRootKey) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("made %v", left)
	}
}

func TestPoorPassphrasesAreRefused(t *testing.T) {
	for content, want := range map[string]string{
		"":                               "is empty",
		"\n":                             "is empty",
		"1234567":                        "shorter than 8",
		strings.Repeat("x", 1<<17):       "longer than",
		"\u00e9\u00e9\u00e9\u00e9\u00e9": "shorter than 8",
	} {
		file := writeFile(t, filepath.Join(t.TempDir(), "p"), content, 0o600)
		_, err := Open(RootOptions{Dir: t.TempDir(), Custody: custodyOf(file), Create: true})
		says(t, err, want)
	}
}

// A changed root.json must not make the process do unbounded work.
func TestDamagedLockIsRefused(t *testing.T) {
	file := writeFile(t, filepath.Join(t.TempDir(), "p"), "correct horse battery", 0o600)
	good := newLock()
	for name, damage := range map[string]func(*lock){
		"kdf":        func(l *lock) { l.KDF = "md5" },
		"no passes":  func(l *lock) { l.Time = 0 },
		"passes":     func(l *lock) { l.Time = 1 << 30 },
		"memory":     func(l *lock) { l.MemoryKiB = 1 << 30 },
		"no memory":  func(l *lock) { l.MemoryKiB = 8 },
		"no threads": func(l *lock) { l.Threads = 0 },
		"no salt":    func(l *lock) { l.Salt = nil },
	} {
		l := good
		damage(&l)
		content, _ := json.Marshal(l)
		dir := t.TempDir()
		writeFile(t, rootFile(dir), rootJSON("passphrase", string(content)), 0o600)
		_, err := Open(RootOptions{Dir: dir, Custody: custodyOf(file)})
		if err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	writeFile(t, rootFile(dir), rootJSON("passphrase", `{"kdf":"argon2id","unknown":1}`), 0o600)
	_, err := Open(RootOptions{Dir: dir, Custody: custodyOf(file)})
	says(t, err, "damaged", "backup")
}

// createRoot's three steps, cut off after each: opening again must succeed,
// and with the keys that may already have sealed something.
func TestCreationCutShortIsFinished(t *testing.T) {
	for name, cut := range map[string]func(t *testing.T, dir string){
		"after the provisional keyring": func(t *testing.T, dir string) {
			writeFile(t, provisionalRingFile(dir), string(newRing().seal(Secret{randomKey()})), 0o600)
		},
		"after the root key": func(t *testing.T, dir string) {
			root, kept, _ := FileCustody{}.Make()
			writeFile(t, provisionalRingFile(dir), string(newRing().seal(root)), 0o600)
			writeFile(t, rootFile(dir), rootJSON("file", string(kept)), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cut(t, dir)
			sealed := mustOpen(t, RootOptions{Dir: dir, Create: true}).Seal("t", nil, []byte("x"))
			if _, err := mustOpen(t, RootOptions{Dir: dir}).Open("t", nil, sealed); err != nil {
				t.Error(err)
			}
			if exists(provisionalRingFile(dir)) {
				t.Error("the provisional keyring is still there")
			}
		})
	}
}

func TestUnwritableDirectoryIsReported(t *testing.T) {
	file := writeFile(t, filepath.Join(t.TempDir(), "file"), "", 0o600)
	if _, err := Open(RootOptions{Dir: filepath.Join(file, "sub"), Create: true}); err == nil {
		t.Error("opened a keyring below a file")
	}
}
