package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// A Custody keeps the root key: it makes one, and gives it back from what it
// left in root.json. What it leaves there is worthless without what the custody
// stands for: a passphrase, this machine's TPM, a key in a key service. Only
// [FileCustody] leaves the key itself.
//
// Neither method is called by two goroutines at once.
type Custody interface {
	// Name stands in root.json: a directory is opened by the custody that it
	// was made with, or moved to.
	Name() string
	// Make makes a root key, of 32 bytes, and what Root needs to give it back.
	Make() (root Secret, kept json.RawMessage, err error)
	// Root gives the root key back. An error says what to do next and holds no
	// key material.
	Root(kept json.RawMessage) (Secret, error)
}

// custodyHints say, for a directory, how to name the custody that it needs.
var custodyHints = map[string]string{
	"file":       "leave out the --root-key flags",
	"passphrase": "name the file that holds the passphrase with --root-key-passphrase-file",
	"tpm":        "give --root-key-tpm",
	"kms":        "give --root-key-kms",
}

// rootDocument is root.json.
type rootDocument struct {
	Custody string          `json:"custody"`
	Made    time.Time       `json:"made"` // the root key
	Kept    json.RawMessage `json:"kept"`
}

func rootFile(dir string) string { return filepath.Join(dir, "root.json") }

// makeRoot makes a root key and the content of root.json that gives it back.
func makeRoot(c Custody) (Secret, *rootDocument, error) {
	root, kept, err := c.Make()
	if err == nil && len(root.Reveal()) != keySize {
		err = fmt.Errorf("a root key of %d bytes was made, not of %d", len(root.Reveal()), keySize)
	}
	if err != nil {
		return Secret{}, nil, fmt.Errorf("make a root key (%s): %w", c.Name(), err)
	}
	return root, &rootDocument{c.Name(), time.Now().UTC().Truncate(time.Second), kept}, nil
}

func (d *rootDocument) write(dir string) error {
	content, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("encode root.json: %w", err)
	}
	return writeDurably(rootFile(dir), append(content, '\n'))
}

// readRootDocument reads root.json, which it refuses when others could read it.
func readRootDocument(dir string) (*rootDocument, error) {
	path := rootFile(dir)
	content, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist; restore it from a backup", ErrNoRootKey, path)
	}
	if err != nil {
		return nil, err
	}
	d := new(rootDocument)
	if err := strictly(content, d); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): restore it from a backup", path, err)
	}
	return d, nil
}

// strictly decodes a document that this package wrote itself.
func strictly(content []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func loadRoot(dir string, c Custody) (Secret, *rootDocument, error) {
	d, err := readRootDocument(dir)
	if err != nil {
		return Secret{}, nil, err
	}
	if d.Custody != c.Name() {
		hint, ok := custodyHints[d.Custody]
		if !ok {
			hint = "restore root.json from a backup, or use the version of cloister that wrote it"
		}
		return Secret{}, nil, fmt.Errorf("the root key of %s is kept by %q, not by %q: %s", dir, d.Custody, c.Name(), hint)
	}
	root, err := c.Root(d.Kept)
	if err == nil && len(root.Reveal()) != keySize {
		err = fmt.Errorf("%s gave a root key of %d bytes, not of %d: restore root.json from a backup", c.Name(), len(root.Reveal()), keySize)
	}
	return root, d, err
}
