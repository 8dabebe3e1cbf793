package seal

import (
	"errors"
	"io"
)

// ErrTampered is what a sealed value gives that is not, byte for byte, what
// was sealed under this keyring for this table and key.
var ErrTampered = errors.New("sealed value does not open: it was changed, moved, or sealed under another root key")

// RootOptions says where the root key is.
type RootOptions struct {
	Dir            string // directory of root.key or root.json, and of the keyring
	PassphraseFile string // when set, the root key comes from this file's passphrase
	Create         bool   // make root key and keyring when Dir has neither
}

// Keyring seals and opens. It is safe for concurrent use.
type Keyring struct{}

// Open opens the keyring in opts.Dir, or makes it.
func Open(opts RootOptions) (*Keyring, error) { panic("skeleton") }

// Seal encrypts plaintext for one table and key.
func (k *Keyring) Seal(table string, key, plaintext []byte) []byte { panic("skeleton") }

// Open is the inverse of Seal.
func (k *Keyring) Open(table string, key, sealed []byte) ([]byte, error) { panic("skeleton") }

// MAC is a keyed hash for components of keys that are only compared.
func (k *Keyring) MAC(purpose string, data []byte) [32]byte { panic("skeleton") }

// Derive returns n bytes of key for the purpose.
func (k *Keyring) Derive(purpose string, n int) []byte { panic("skeleton") }

// NewSegmentWriter seals a blob.
func (k *Keyring) NewSegmentWriter(w io.Writer, context []byte) io.WriteCloser { panic("skeleton") }

// NewSegmentReader opens a sealed blob of size bytes.
func (k *Keyring) NewSegmentReader(r io.ReaderAt, size int64, context []byte) (*SegmentReader, error) {
	panic("skeleton")
}

// SegmentReader reads a sealed blob anywhere.
type SegmentReader struct{}

// Size is the number of plaintext bytes.
func (r *SegmentReader) Size() int64 { panic("skeleton") }

// ReadAt implements io.ReaderAt.
func (r *SegmentReader) ReadAt(p []byte, off int64) (int, error) { panic("skeleton") }

// Read implements io.Reader.
func (r *SegmentReader) Read(p []byte) (int, error) { panic("skeleton") }

// HardenProcess forbids core files and ptrace.
func HardenProcess() error { panic("skeleton") }
