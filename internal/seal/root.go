package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// RootOptions says where the root key is kept.
type RootOptions struct {
	Dir            string // holds root.key or root.json, and the keyring
	PassphraseFile string // when set, the root key is derived from this file's content
	Create         bool   // make root key and keyring when Dir has neither
}

// ErrNoRootKey is wrapped by what Open returns when there is no root key and
// it may not make one.
var ErrNoRootKey = errors.New("there is no root key")

// Open opens the keyring in opts.Dir, and with opts.Create makes root key and
// keyring when neither is there. A root key that is missing beside a keyring
// is never replaced: what was sealed under it would be lost without a word.
// Every error says what to do next; none contains key material.
//
// Only one process may call Open with Create for a directory at a time.
func Open(opts RootOptions) (*Keyring, error) {
	root, err := loadRoot(opts)
	if errors.Is(err, ErrNoRootKey) && opts.Create {
		root, err = createRoot(opts)
	}
	if err != nil {
		return nil, err
	}
	return loadRing(opts.Dir, root)
}

func (o RootOptions) keyFile() string  { return filepath.Join(o.Dir, "root.key") }
func (o RootOptions) lockFile() string { return filepath.Join(o.Dir, "root.json") }

func loadRoot(o RootOptions) (Secret, error) {
	switch {
	case o.PassphraseFile == "" && exists(o.lockFile()):
		return Secret{}, fmt.Errorf("the root key of %s is locked with a passphrase: name the file that holds it with --root-key-passphrase-file", o.Dir)
	case o.PassphraseFile != "" && exists(o.keyFile()):
		return Secret{}, fmt.Errorf("the root key of %s is in root.key and not locked with a passphrase: leave out --root-key-passphrase-file", o.Dir)
	case o.PassphraseFile != "":
		return loadLockedRoot(o)
	}
	return loadRootFile(o.keyFile())
}

// createRoot makes root key and keyring in an order that survives a crash
// anywhere: the keyring under a provisional name, then the root key, then the
// keyring's own name. A provisional keyring without a root key has sealed
// nothing and is overwritten; one beside its root key is adopted by loadRing.
func createRoot(o RootOptions) (Secret, error) {
	if exists(ringFile(o.Dir)) {
		return Secret{}, fmt.Errorf("%s has a keyring but no root key: restore root.key or root.json from a backup; a new one could not open what is stored", o.Dir)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return Secret{}, fmt.Errorf("make the directory of the root key: %w", err)
	}
	root, file, content, err := newRoot(o)
	if err != nil {
		return Secret{}, err
	}
	if err := writeDurably(provisionalRingFile(o.Dir), newRing().seal(root)); err != nil {
		return Secret{}, err
	}
	return root, writeDurably(file, content)
}

// newRoot returns a new root key and the file that will give it back.
func newRoot(o RootOptions) (root Secret, file string, content []byte, err error) {
	if o.PassphraseFile != "" {
		root, content, err = newLockedRoot(o.PassphraseFile)
		return root, o.lockFile(), content, err
	}
	root = Secret{randomKey()}
	return root, o.keyFile(), encodeRootFile(root), nil
}

func randomKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	return key
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
