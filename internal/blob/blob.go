// Package blob keeps large objects: what Put has acknowledged is durable,
// whole and sealed, and what it has not is never seen.
//
// A blob is written once under an id of its own ([NewID]) and then only read
// or deleted; whoever needs another content needs another id. Which blobs are
// still wanted is for the store to say: write the blob first, then commit the
// record that names it, and delete the blob after the record is gone. What a
// crash leaves behind in between is found by [Dir.Check].
package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"

	"cloister/internal/seal"
)

// ErrNotFound is wrapped by what Open returns for a blob that is not there.
var ErrNotFound = errors.New("blob not found")

// Store keeps blobs by id. It is safe for concurrent use.
type Store interface {
	// Put stores all of r and returns its length. The blob is durable when Put
	// returns nil, and whole or absent when it does not. Each id is put once.
	Put(ctx context.Context, id string, r io.Reader) (size int64, err error)

	// Open opens a blob for reading; close the Reader. A blob that was changed,
	// cut or exchanged for another gives seal.ErrTampered, here or from a read.
	Open(ctx context.Context, id string) (*Reader, error)

	// Delete removes a blob for good. One that is not there is no error, so
	// that it can be repeated. Readers that are open can go on.
	Delete(ctx context.Context, id string) error

	// List yields the ids of all blobs, in order. It stops at an error.
	List(ctx context.Context) iter.Seq2[string, error]
}

// Reader reads one blob: from its start with Read, or anywhere with ReadAt,
// which is safe for concurrent use. Size is its length.
type Reader struct {
	*seal.SegmentReader
	file io.Closer
}

// Close releases the blob.
func (r *Reader) Close() error { return r.file.Close() }

// NewID returns a fresh random id: 32 hex digits.
func NewID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// validID keeps everything but lower-case hex digits out of paths.
func validID(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(id) == 32
}

func checkID(id string) error {
	if !validID(id) {
		return fmt.Errorf("blob id %.40q is not 32 hex digits", id)
	}
	return nil
}
