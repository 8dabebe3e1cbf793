package seal

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestRotationKeepsWhatWasSealed(t *testing.T) {
	dir, old := fresh(t, "")
	k := mustOpen(t, RootOptions{Dir: dir, Create: true})
	mac, derived := k.MAC("m", []byte("x")), k.Derive("d", 16)
	oldRoot, _ := os.ReadFile(rootFile(dir))
	oldRing, _ := os.ReadFile(ringFile(dir))
	if err := k.Rotate(nil); err != nil {
		t.Fatal(err)
	}
	sealed := k.Seal("t", []byte("k"), []byte("new"))
	for name, k := range map[string]*Keyring{"the same keyring": k, "opened again": mustOpen(t, RootOptions{Dir: dir})} {
		for value, want := range map[string]string{string(old): "hello", string(sealed): "new"} {
			if got, err := k.Open("t", []byte("k"), []byte(value)); err != nil || string(got) != want {
				t.Errorf("%s: opened %q, %v; want %q", name, got, err, want)
			}
		}
		if k.MAC("m", []byte("x")) != mac || string(k.Derive("d", 16)) != string(derived) {
			t.Errorf("%s: keys for MACs and derived keys changed", name)
		}
		if s := k.Status(); s.Custody != "file" || len(s.Generations) != 2 || s.Generations[1].ID != 2 {
			t.Errorf("%s: status %+v", name, s)
		}
	}

	writeFile(t, rootFile(dir), string(oldRoot), 0o600)
	if _, err := Open(RootOptions{Dir: dir, Create: true}); !errors.Is(err, ErrTampered) {
		t.Errorf("the old root key still opens the keyring: %v", err)
	}
	// What a thief of both old files has does not open what was sealed since.
	writeFile(t, ringFile(dir), string(oldRing), 0o600)
	if _, err := mustOpen(t, RootOptions{Dir: dir}).Open("t", []byte("k"), sealed); !errors.Is(err, ErrTampered) {
		t.Errorf("the old keyring opens a new value: %v", err)
	}
}

func TestRotationMovesTheRootKey(t *testing.T) {
	passphrase := writeFile(t, filepath.Join(t.TempDir(), "p"), "correct horse battery", 0o600)
	dir, old := fresh(t, "")
	if err := mustOpen(t, RootOptions{Dir: dir, Create: true}).Rotate(PassphraseCustody{passphrase}); err != nil {
		t.Fatal(err)
	}
	_, err := Open(RootOptions{Dir: dir, Create: true})
	says(t, err, "--root-key-passphrase-file")
	k := mustOpen(t, RootOptions{Dir: dir, Custody: PassphraseCustody{passphrase}, Create: true})
	if got, err := k.Open("t", []byte("k"), old); err != nil || string(got) != "hello" {
		t.Errorf("opened %q, %v", got, err)
	}
	if s := k.Status(); s.Custody != "passphrase" {
		t.Errorf("status %+v", s)
	}
}

// A rotation is cut off after each of its steps: the directory opens with the
// root key that is there, and what was sealed before opens.
func TestRotationCutShortLeavesOneWayIn(t *testing.T) {
	for step, rotated := range map[string]bool{"provisional keyring": false, "root key": true} {
		t.Run("after the "+step, func(t *testing.T) {
			dir, old := fresh(t, "")
			before := map[string][]byte{}
			for _, path := range []string{rootFile(dir), ringFile(dir)} {
				before[path], _ = os.ReadFile(path)
			}
			if err := mustOpen(t, RootOptions{Dir: dir, Create: true}).Rotate(nil); err != nil {
				t.Fatal(err)
			}
			// Back to the moment: the new keyring has its provisional name.
			if err := os.Rename(ringFile(dir), provisionalRingFile(dir)); err != nil {
				t.Fatal(err)
			}
			writeFile(t, ringFile(dir), string(before[ringFile(dir)]), 0o600)
			if !rotated {
				writeFile(t, rootFile(dir), string(before[rootFile(dir)]), 0o600)
			}
			// A reader opens it and changes nothing; the node opens and finishes.
			for _, create := range []bool{false, true} {
				k := mustOpen(t, RootOptions{Dir: dir, Create: create})
				if got, err := k.Open("t", []byte("k"), old); err != nil || string(got) != "hello" {
					t.Errorf("create %v: opened %q, %v", create, got, err)
				}
				if got := len(k.Status().Generations) == 2; got != rotated {
					t.Errorf("create %v: rotated %v", create, got)
				}
			}
			k := mustOpen(t, RootOptions{Dir: dir, Create: true})
			if err := k.Rotate(nil); err != nil {
				t.Fatal(err)
			}
			sealed := k.Seal("t", nil, []byte("x"))
			if _, err := mustOpen(t, RootOptions{Dir: dir}).Open("t", nil, sealed); err != nil {
				t.Error(err)
			}
		})
	}
}

// noTPM fails to make a root key.
type noTPM struct{ FileCustody }

var errNoCustody = errors.New("there is no TPM")

func (noTPM) Make() (Secret, json.RawMessage, error) { return Secret{}, nil, errNoCustody }

func TestRotationThatFailsChangesNothing(t *testing.T) {
	dir, _ := fresh(t, "")
	k := mustOpen(t, RootOptions{Dir: dir, Create: true})
	before := k.Status()
	if err := k.Rotate(noTPM{}); !errors.Is(err, errNoCustody) {
		t.Errorf("error %v", err)
	}
	if after := k.Status(); len(after.Generations) != len(before.Generations) || after.Custody != before.Custody {
		t.Errorf("status %+v became %+v", before, after)
	}
	mustOpen(t, RootOptions{Dir: dir})
}

// A process that reads beside the node, as cloister audit tail does, follows.
func TestReadersFollowARotation(t *testing.T) {
	dir, _ := fresh(t, "")
	node, reader := mustOpen(t, RootOptions{Dir: dir, Create: true}), mustOpen(t, RootOptions{Dir: dir})
	for range 2 {
		if err := node.Rotate(nil); err != nil {
			t.Fatal(err)
		}
		if got, err := reader.Open("t", nil, node.Seal("t", nil, []byte("x"))); err != nil || string(got) != "x" {
			t.Errorf("opened %q, %v", got, err)
		}
	}
	unknown := node.Seal("t", nil, []byte("x"))
	unknown[4] = 99
	for name, k := range map[string]*Keyring{"node": node, "reader": reader} {
		if _, err := k.Open("t", nil, unknown); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: a generation that does not exist: %v", name, err)
		}
	}
}

func TestSealingGoesOnDuringRotations(t *testing.T) {
	dir, _ := fresh(t, "")
	k := mustOpen(t, RootOptions{Dir: dir, Create: true})
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := k.Open("t", nil, k.Seal("t", nil, []byte("x"))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 20 {
		if err := k.Rotate(nil); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	workers.Wait()
	if s := k.Status(); len(s.Generations) != 21 {
		t.Errorf("%d generations", len(s.Generations))
	}
}

// halfCustody makes a root key, and what it leaves cannot be written down.
type halfCustody struct{ FileCustody }

func (c halfCustody) Make() (Secret, json.RawMessage, error) {
	root, _, err := c.FileCustody.Make()
	return root, json.RawMessage("{"), err
}

// A rotation fails with its last step still to do, and then another one before
// it comes to root.json: the directory still opens.
func TestRotationsThatFailOneAfterTheOther(t *testing.T) {
	dir, old := fresh(t, "")
	k := mustOpen(t, RootOptions{Dir: dir, Create: true})
	ring, _ := os.ReadFile(ringFile(dir))
	if err := errors.Join(os.Remove(ringFile(dir)), os.Mkdir(ringFile(dir), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := k.Rotate(nil); err == nil {
		t.Fatal("it renamed a file to a folder")
	}
	if err := os.Remove(ringFile(dir)); err != nil {
		t.Fatal(err)
	}
	writeFile(t, ringFile(dir), string(ring), 0o600)
	if err := k.Rotate(halfCustody{}); err == nil {
		t.Fatal("it wrote down what cannot be written")
	}
	again := mustOpen(t, RootOptions{Dir: dir, Create: true})
	if got, err := again.Open("t", []byte("k"), old); err != nil || string(got) != "hello" {
		t.Errorf("opened %q, %v", got, err)
	}
}
