// Package blob keeps large objects: what Put has acknowledged is durable,
// whole and sealed, and what it has not is never seen.
package blob

import (
	"context"
	"errors"
	"io"
	"iter"

	"cloister/internal/seal"
)

// ErrNotFound is returned for a blob that is not there.
var ErrNotFound = errors.New("blob not found")

// Store keeps blobs by id. It is safe for concurrent use.
type Store interface {
	Put(ctx context.Context, id string, r io.Reader) (size int64, err error)
	Open(ctx context.Context, id string) (*Reader, error)
	Delete(ctx context.Context, id string) error
	List(ctx context.Context) iter.Seq2[string, error]
}

// Reader reads one blob, from its start or anywhere.
type Reader struct{}

// Size is the number of bytes of the blob.
func (r *Reader) Size() int64 { panic("skeleton") }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) { panic("skeleton") }

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) { panic("skeleton") }

// Close releases the blob.
func (r *Reader) Close() error { panic("skeleton") }

// Dir keeps blobs in a directory.
type Dir struct{}

// OpenDir opens or makes the directory.
func OpenDir(dir string, keys *seal.Keyring) (*Dir, error) { panic("skeleton") }

// Put implements Store.
func (d *Dir) Put(ctx context.Context, id string, r io.Reader) (int64, error) { panic("skeleton") }

// Open implements Store.
func (d *Dir) Open(ctx context.Context, id string) (*Reader, error) { panic("skeleton") }

// Delete implements Store.
func (d *Dir) Delete(ctx context.Context, id string) error { panic("skeleton") }

// List implements Store.
func (d *Dir) List(ctx context.Context) iter.Seq2[string, error] { panic("skeleton") }

// NewID returns a fresh random id.
func NewID() string { panic("skeleton") }

var _ Store = (*Dir)(nil)
