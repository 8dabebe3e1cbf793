package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// ErrWrongPassphrase is wrapped by what Open returns when the passphrase is
// not the one that the root key was locked with.
var ErrWrongPassphrase = errors.New("the passphrase is wrong")

// minPassphrase is the shortest passphrase, in characters, that a new root key
// is locked with (NIST SP 800-63B section 5.1.1.1).
const minPassphrase = 8

// PassphraseCustody derives the root key from a passphrase with Argon2id
// (RFC 9106). Whoever can read root.json can try passphrases, at Argon2id's
// price for each.
type PassphraseCustody struct {
	File string // holds the passphrase; only its owner may read it
}

// lock is how the passphrase becomes the root key, and a check value that
// tells a wrong passphrase from damaged data.
type lock struct {
	KDF       string `json:"kdf"`
	Time      uint32 `json:"time"`
	MemoryKiB uint32 `json:"memoryKiB"`
	Threads   uint8  `json:"threads"`
	Salt      []byte `json:"salt"`
	Check     []byte `json:"check"`
}

// newLock takes the second parameters that RFC 9106 section 4 recommends: the
// first need 2 GiB of memory at every start.
func newLock() lock {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	return lock{KDF: "argon2id", Time: 3, MemoryKiB: 64 << 10, Threads: 4, Salt: salt}
}

// validate bounds what a changed file can make this process do.
func (l lock) validate() error {
	if l.KDF != "argon2id" || l.Time < 1 || l.Time > 100 || l.Threads < 1 ||
		l.MemoryKiB < 8<<10 || l.MemoryKiB > 4<<20 || len(l.Salt) < 16 {
		return errors.New("parameters are not those of a root key")
	}
	return nil
}

func (l lock) root(passphrase Secret) Secret {
	return Secret{argon2.IDKey(passphrase.Reveal(), l.Salt, l.Time, l.MemoryKiB, l.Threads, keySize)}
}

func rootCheck(root Secret) []byte { return subkey(root.Reveal(), "root-check", 16) }

// Name implements [Custody].
func (PassphraseCustody) Name() string { return "passphrase" }

// Make implements [Custody]: another salt gives another root key.
func (c PassphraseCustody) Make() (Secret, json.RawMessage, error) {
	passphrase, err := readPassphrase(c.File)
	if err != nil {
		return Secret{}, nil, err
	}
	if utf8.RuneCount(passphrase.Reveal()) < minPassphrase {
		return Secret{}, nil, fmt.Errorf("the passphrase in %s is shorter than %d characters: choose a longer one", c.File, minPassphrase)
	}
	l := newLock()
	root := l.root(passphrase)
	l.Check = rootCheck(root)
	kept, err := json.Marshal(l)
	return root, kept, err
}

// Root implements [Custody].
func (c PassphraseCustody) Root(kept json.RawMessage) (Secret, error) {
	var l lock
	err := strictly(kept, &l)
	if err == nil {
		err = l.validate()
	}
	if err != nil {
		return Secret{}, fmt.Errorf("root.json is damaged (%w): restore it from a backup", err)
	}
	passphrase, err := readPassphrase(c.File)
	if err != nil {
		return Secret{}, err
	}
	root := l.root(passphrase)
	if subtle.ConstantTimeCompare(rootCheck(root), l.Check) != 1 {
		return Secret{}, fmt.Errorf("%w: what is in %s does not open it; give the passphrase that this directory was made with, without it nothing can be read", ErrWrongPassphrase, c.File)
	}
	return root, nil
}

// readPassphrase drops one line end, which editors and echo add.
func readPassphrase(path string) (Secret, error) {
	content, err := readPrivate(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read the passphrase: %w", err)
	}
	content = bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
	if len(content) == 0 {
		return Secret{}, fmt.Errorf("the passphrase file %s is empty: write the passphrase into it", path)
	}
	return Secret{content}, nil
}
