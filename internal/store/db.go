package store

import (
	"context"

	"cloister/internal/seal"
)

// DB is a store opened on an engine. It is safe for concurrent use.
type DB struct{}

// Open opens the store in the engine, which it then owns.
func Open(engine Engine, keys *seal.Keyring) (*DB, error) { panic("skeleton") }

// Close stops the store and its engine.
func (db *DB) Close() error { panic("skeleton") }

// View calls fn with a consistent snapshot.
func (db *DB) View(ctx context.Context, fn func(r Reader) error) error { panic("skeleton") }

// Update runs fn in a serialisable transaction; fn may be run again.
func (db *DB) Update(ctx context.Context, fn func(tx *Tx) error) error { panic("skeleton") }

// Subscribe calls fn for every committed change of the table.
func (db *DB) Subscribe(table string, fn func(Change)) { panic("skeleton") }

// Healthy says why the store answers nothing.
func (db *DB) Healthy() error { panic("skeleton") }

// Check verifies every row and index entry.
func (db *DB) Check(ctx context.Context) error { panic("skeleton") }

// Change is one row that was put or deleted.
type Change struct {
	Table   string
	Key     Key
	Seq     uint64
	Deleted bool
}

// Reader is a consistent snapshot: a *Snapshot or a *Tx.
type Reader interface{ snapshot() *Snapshot }

// Snapshot is what View reads.
type Snapshot struct{}

func (s *Snapshot) snapshot() *Snapshot { return s }

// Tx is a transaction.
type Tx struct{ *Snapshot }

// Defer has fn run after the commit, in this process.
func (tx *Tx) Defer(fn func()) { panic("skeleton") }
