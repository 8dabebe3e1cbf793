package tpm

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/seal"
)

// startTPM starts a software TPM with a state of its own.
func startTPM(t *testing.T, state string) Custody {
	t.Helper()
	program, err := exec.LookPath("swtpm")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("swtpm is missing: run scripts/deps")
		}
		t.Skip("swtpm is missing: scripts/deps installs it")
	}
	// The path of a socket has 107 bytes at most, and a test's directory may be long.
	dir, err := os.MkdirTemp("", "tpm")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(program, "socket", "--tpm2", "--tpmstate", "dir="+state,
		"--server", "type=unixio,path="+socket, "--flags", "not-need-init,startup-clear")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	for range 500 {
		// The socket's file is there a moment before anybody listens.
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			return Custody{Device: socket}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("swtpm does not listen: %s", said.Bytes())
	return Custody{}
}

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

func TestADirectoryOpensWithItsTPM(t *testing.T) {
	c := startTPM(t, t.TempDir())
	dir := filepath.Join(t.TempDir(), "data")
	k, err := seal.Open(seal.RootOptions{Dir: dir, Custody: c, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	sealed := k.Seal("t", nil, []byte("hello"))
	if err := k.Rotate(nil); err != nil {
		t.Fatal(err)
	}
	again, err := seal.Open(seal.RootOptions{Dir: dir, Custody: c})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open("t", nil, sealed); err != nil || string(got) != "hello" {
		t.Errorf("opened %q, %v", got, err)
	}
	if s := again.Status(); s.Custody != "tpm" || len(s.Generations) != 2 {
		t.Errorf("status %+v", s)
	}
	_, err = seal.Open(seal.RootOptions{Dir: dir})
	says(t, err, "--root-key-tpm")
}

func TestTheKeyIsNotInTheFile(t *testing.T) {
	root, kept, err := startTPM(t, t.TempDir()).Make()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(root.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(kept, root.Reveal()) || bytes.Contains(kept, bytes.Trim(text, `"=`)) {
		t.Error("root.json holds the root key")
	}
}

func TestAnotherTPMOpensNothing(t *testing.T) {
	_, kept, err := startTPM(t, t.TempDir()).Make()
	if err != nil {
		t.Fatal(err)
	}
	_, err = startTPM(t, t.TempDir()).Root(kept)
	if !errors.Is(err, errOtherTPM) {
		t.Errorf("error %v", err)
	}
}

func TestTheKeyOutlivesARestartOfTheTPM(t *testing.T) {
	state := t.TempDir()
	var root seal.Secret
	var kept json.RawMessage
	t.Run("before", func(t *testing.T) {
		var err error
		if root, kept, err = startTPM(t, state).Make(); err != nil {
			t.Fatal(err)
		}
	})
	again, err := startTPM(t, state).Root(kept)
	if err != nil || !again.Equal(root) {
		t.Errorf("another key, or %v", err)
	}
}

// A changed root.json gives an error, and neither a key nor a panic.
func TestDamagedFilesAreRefused(t *testing.T) {
	c := startTPM(t, t.TempDir())
	_, good, err := c.Make()
	if err != nil {
		t.Fatal(err)
	}
	var k kept
	if err := json.Unmarshal(good, &k); err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(*kept){
		"nothing":           func(k *kept) { *k = kept{} },
		"no private part":   func(k *kept) { k.Private = nil },
		"cut private part":  func(k *kept) { k.Private = k.Private[:len(k.Private)/2] },
		"changed private":   func(k *kept) { k.Private[len(k.Private)-1] ^= 1 },
		"changed public":    func(k *kept) { k.Public[len(k.Public)-1] ^= 1 },
		"cut public":        func(k *kept) { k.Public = k.Public[:5] },
		"another parent":    func(k *kept) { k.Parent[3] ^= 1 },
		"an endless length": func(k *kept) { k.Private = []byte{0xff, 0xff, 1} },
	} {
		changed := kept{bytes.Clone(k.Parent), bytes.Clone(k.Public), bytes.Clone(k.Private)}
		damage(&changed)
		text, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		if root, err := c.Root(text); err == nil || !root.Empty() {
			t.Errorf("%s: opened", name)
		}
	}
	_, err = c.Root(json.RawMessage(`{"parent":1}`))
	says(t, err, "damaged", "backup")
	if again, err := c.Root(good); err != nil || again.Empty() {
		t.Errorf("afterwards the good one does not open: %v", err)
	}
}

func TestNoTPMIsSaid(t *testing.T) {
	c := Custody{Device: filepath.Join(t.TempDir(), "tpmrm0")}
	_, _, err := c.Make()
	says(t, err, "open the TPM", "does this machine have one")
}
