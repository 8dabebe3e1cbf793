package store

import "errors"

var (
	// ErrNotFound is what Get, Delete and Lookup give where there is no row.
	ErrNotFound = errors.New("not found")

	// ErrExists is Insert's for a key that has a row, and Put's and Insert's
	// for a value whose key in a unique index is another row's.
	ErrExists = errors.New("exists already")

	// ErrTooLarge is for a key of more than 2 KiB and a value of more than
	// 16 MiB. Larger things are blobs.
	ErrTooLarge = errors.New("too large for the store")

	// ErrCorrupt is what rows give that are not as the store wrote them.
	ErrCorrupt = errors.New("the store's data is damaged")

	// ErrUnhealthy is for everything asked of a store that cannot be relied
	// on: see [DB.Healthy].
	ErrUnhealthy = errors.New("the store is not healthy")

	// ErrClosed is for a View or Update of a store that is closed or closing.
	ErrClosed = errors.New("the store is closed")
	// ErrEnded is for a Reader or Tx used after its function returned.
	ErrEnded = errors.New("used after its transaction ended")
)
