package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// RootOptions says where the root key is kept.
type RootOptions struct {
	Dir     string  // holds root.json and the keyring
	Custody Custody // nil is FileCustody
	Create  bool    // make root key and keyring when Dir has neither
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
	if opts.Custody == nil {
		opts.Custody = FileCustody{}
	}
	root, made, err := loadRoot(opts.Dir, opts.Custody)
	if errors.Is(err, ErrNoRootKey) && opts.Create {
		root, made, err = createRoot(opts)
	}
	if err != nil {
		return nil, err
	}
	h := &home{dir: opts.Dir, custody: opts.Custody, made: made.Made, owner: opts.Create, read: digestOf(ringFile(opts.Dir))}
	r, err := loadRing(opts.Dir, root, opts.Create)
	if err != nil {
		return nil, err
	}
	return newKeyring(r, h), nil
}

// createRoot makes root key and keyring in an order that survives a crash
// anywhere: the keyring under a provisional name, then the root key, then the
// keyring's own name. A provisional keyring without a root key has sealed
// nothing and is overwritten; one that the root key opens is adopted by
// loadRing.
func createRoot(o RootOptions) (Secret, *rootDocument, error) {
	if exists(ringFile(o.Dir)) {
		return Secret{}, nil, fmt.Errorf("%s has a keyring but no root key: restore root.json from a backup; a new one could not open what is stored", o.Dir)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return Secret{}, nil, fmt.Errorf("make the directory of the root key: %w", err)
	}
	root, doc, err := makeRoot(o.Custody)
	if err != nil {
		return Secret{}, nil, err
	}
	if err := writeDurably(provisionalRingFile(o.Dir), newRing().seal(root)); err != nil {
		return Secret{}, nil, err
	}
	return root, doc, doc.write(o.Dir)
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
