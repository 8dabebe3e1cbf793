package store

import (
	"errors"
	"iter"
	"time"
)

var (
	// ErrNotFound is Get's for a key without a row.
	ErrNotFound = errors.New("not found")
	// ErrExists is Insert's for a key that has a row, and Put's and Insert's
	// for a value whose key in a unique index is another row's.
	ErrExists = errors.New("exists already")
)

// Collection is a table of rows of type T.
type Collection[T any] struct{}

// Option is an option of Define.
type Option interface{ option() }

// IndexOption is an option of Index.
type IndexOption interface{ indexOption() }

// ClearOption is what Clear returns: an Option and an IndexOption.
type ClearOption struct{}

func (ClearOption) option()      {}
func (ClearOption) indexOption() {}

// Define declares a collection.
func Define[T any](table string, opts ...Option) *Collection[T] { panic("skeleton") }

// Clear declares components (from 0) that stay ordered and clear.
func Clear(components ...int) ClearOption { panic("skeleton") }

// Unique declares an index in which a key belongs to one row.
func Unique() IndexOption { panic("skeleton") }

// Index declares a secondary index.
func Index[T any](name string, keys func(*T) []Key, opts ...IndexOption) Option { panic("skeleton") }

// Expiry declares when a row ceases to exist; never for the zero time.
func Expiry[T any](at func(*T) time.Time) Option { panic("skeleton") }

// Item is one row of a scan.
type Item[T any] struct {
	Key   Key
	Value *T
	Index Key // the key in the index, for ScanIndex
}

// Position is the key to give as after to go on behind this item.
func (i Item[T]) Position() Key { panic("skeleton") }

// Get returns the row at key, or ErrNotFound.
func (c *Collection[T]) Get(r Reader, key Key) (*T, error) { panic("skeleton") }

// Put stores v at key.
func (c *Collection[T]) Put(tx *Tx, key Key, v *T) error { panic("skeleton") }

// Insert stores v at key, or gives ErrExists.
func (c *Collection[T]) Insert(tx *Tx, key Key, v *T) error { panic("skeleton") }

// Delete removes the row at key, or gives ErrNotFound.
func (c *Collection[T]) Delete(tx *Tx, key Key) error { panic("skeleton") }

// Scan yields the rows whose keys begin with prefix, behind after if given.
func (c *Collection[T]) Scan(r Reader, prefix, after Key) iter.Seq2[Item[T], error] {
	panic("skeleton")
}

// ScanBack is Scan from the last row to the first, before before if given.
func (c *Collection[T]) ScanBack(r Reader, prefix, before Key) iter.Seq2[Item[T], error] {
	panic("skeleton")
}

// ScanIndex is Scan over an index; after is an Item's Position.
func (c *Collection[T]) ScanIndex(r Reader, index string, prefix, after Key) iter.Seq2[Item[T], error] {
	panic("skeleton")
}

// Lookup returns the first row that has key in the index, or ErrNotFound.
func (c *Collection[T]) Lookup(r Reader, index string, key Key) (Item[T], error) { panic("skeleton") }
