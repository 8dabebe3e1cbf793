package seal

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// elsewhere is another custody, so that rotations move the root key, too.
type elsewhere struct{ FileCustody }

func (elsewhere) Name() string { return "elsewhere" }

var keepers = map[string]Custody{"file": FileCustody{}, "elsewhere": elsewhere{}}

// openKilled opens a directory by the keeper that has its root key.
func openKilled(dir string) (*Keyring, error) {
	d, err := readRootDocument(dir)
	if err != nil {
		return nil, err
	}
	return Open(RootOptions{Dir: dir, Custody: keepers[d.Custody], Create: true})
}

// TestKilledRotationsLoseNothing kills a process that does nothing but rotate and
// move its root key, again and again: each time the directory opens, and with it
// everything that was sealed and acknowledged.
func TestKilledRotationsLoseNothing(t *testing.T) {
	if dir := os.Getenv("SEAL_TEST_ROTATE"); dir != "" {
		rotateForEver(dir)
	}
	rounds := 30
	if testing.Short() {
		rounds = 8
	}
	dir, _ := fresh(t, "")
	var sealed [][]byte
	for round := range rounds {
		sealed = append(sealed, rotateAndKill(t, dir, time.Duration(round%10)*700*time.Microsecond)...)
		k, err := openKilled(dir)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for i, text := range sealed {
			if got, err := k.Open("t", nil, text); err != nil || string(got) != "acknowledged" {
				t.Fatalf("round %d: text %d of %d: %q, %v", round, i, len(sealed), got, err)
			}
		}
	}
	if len(sealed) < rounds {
		t.Errorf("only %d rotations in %d rounds", len(sealed), rounds)
	}
}

// rotateAndKill gives what the process sealed after rotations that it
// acknowledged.
func rotateAndKill(t *testing.T, dir string, after time.Duration) (sealed [][]byte) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledRotationsLoseNothing$")
	cmd.Env = append(os.Environ(), "SEAL_TEST_ROTATE="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		text, err := hex.DecodeString(lines.Text())
		if err != nil {
			t.Fatalf("the process says %q", lines.Text())
		}
		if sealed = append(sealed, text); len(sealed) == 1 {
			time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait()
	return sealed
}

func rotateForEver(dir string) {
	k, err := openKilled(dir)
	for to := range turns() {
		if err == nil {
			err = k.Rotate(to)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Printf("%x\n", k.Seal("t", nil, []byte("acknowledged")))
	}
}

func turns() func(yield func(Custody) bool) {
	return func(yield func(Custody) bool) {
		for yield(nil) && yield(elsewhere{}) && yield(nil) && yield(FileCustody{}) {
		}
	}
}

// TestCopiesMadeDuringARotation: who copies a directory file by file while it is
// rotated gets each file as it was at some moment. Every such copy opens what was
// sealed before, or is refused with what to do, and nothing is made anew.
func TestCopiesMadeDuringARotation(t *testing.T) {
	moments := stepsOfARotation(t)
	opened := 0
	for root := range moments.files {
		for ring := range moments.files {
			for provisional := range moments.files {
				dir := t.TempDir()
				for name, at := range map[string]int{"root.json": root, "keyring": ring, "keyring.new": provisional} {
					if content, ok := moments.files[at][name]; ok {
						writeFile(t, filepath.Join(dir, name), content, 0o600)
					}
				}
				k, err := Open(RootOptions{Dir: dir, Create: true})
				if err != nil {
					if !strings.Contains(err.Error(), "restore") {
						t.Errorf("%d %d %d: %v", root, ring, provisional, err)
					}
					continue
				}
				opened++
				if got, err := k.Open("t", []byte("k"), moments.sealed); err != nil || string(got) != "hello" {
					t.Errorf("%d %d %d: opened %q, %v", root, ring, provisional, got, err)
				}
			}
		}
	}
	if opened < len(moments.files) {
		t.Errorf("only %d copies open", opened)
	}
}

// steps are what a directory held before each step of a rotation and after the
// last, and what was sealed before it.
type steps struct {
	files  []map[string]string
	sealed []byte
}

func stepsOfARotation(t *testing.T) steps {
	t.Helper()
	dir, old := fresh(t, "")
	before := filesOf(t, dir)
	if err := mustOpen(t, RootOptions{Dir: dir, Create: true}).Rotate(nil); err != nil {
		t.Fatal(err)
	}
	after := filesOf(t, dir)
	written := map[string]string{"root.json": before["root.json"], "keyring": before["keyring"], "keyring.new": after["keyring"]}
	changed := map[string]string{"root.json": after["root.json"], "keyring": before["keyring"], "keyring.new": after["keyring"]}
	return steps{[]map[string]string{before, written, changed, after}, old}
}

func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"root.json", "keyring", "keyring.new"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err == nil {
			files[name] = string(content)
		}
	}
	return files
}
