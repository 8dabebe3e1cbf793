package store

import (
	"context"
	"iter"
)

// Engine is an ordered key-value store with serialisable transactions and a
// feed of what was committed. Keys and values are opaque bytes, keys are
// ordered as bytes.Compare orders them. An Engine is safe for concurrent use;
// the readers and transactions that it hands out are not.
//
// There are two: pebbleengine, embedded, and pgengine, PostgreSQL.
type Engine interface {
	// View calls fn once with a consistent snapshot of durable state, which
	// is not valid after fn returns.
	View(ctx context.Context, fn func(EngineReader) error) error

	// Update runs fn in a serialisable transaction, again when another
	// transaction got in between. It returns nil when the changes are durable
	// and the follower has been called with their event. When fn fails or ctx
	// ends before the commit, nothing has changed and that error is returned.
	// Any other error may mean either, but all of it or nothing.
	Update(ctx context.Context, fn func(EngineTx) error) error

	// Follow has fn called with the event of every transaction committed from
	// now on that emitted one, by this process or another, one call at a
	// time. A transaction's event comes after those of all transactions whose
	// changes it could see. When fn fails the engine is unhealthy for good.
	// Follow is called once, before the first Update.
	Follow(fn func(Event) error)

	// Healthy says why the engine must not be asked for anything: writes that
	// did not reach the disk, or a feed that is behind.
	Healthy() error

	// Shared says whether other nodes may keep their state in the same place.
	Shared() bool

	// Check verifies the engine's own structures.
	Check(ctx context.Context) error

	// Close ends all use of the engine. Nothing may run in it any more.
	Close() error
}

// EngineReader reads a consistent snapshot.
type EngineReader interface {
	// Get returns the value at key, and nil when there is none.
	Get(key []byte) ([]byte, error)

	// Scan yields what lies in the range, in its order. From is not empty. Whether it yields
	// what the same transaction writes in the range while it runs is not
	// specified. Key and value are the caller's to keep.
	Scan(Range) iter.Seq2[Pair, error]
}

// EngineTx is a read snapshot with changes of its own, which it sees.
type EngineTx interface {
	EngineReader

	// Set stores value at key. The value is not empty.
	Set(key, value []byte) error

	// Delete removes the key if it is there.
	Delete(key []byte) error

	// Emit makes payload the event of this transaction, if it commits.
	Emit(payload []byte) error
}

// Range is the keys from From, inclusive, to To, exclusive.
type Range struct {
	From, To []byte
	Backward bool // from the last to the first
}

// Pair is a key and its value.
type Pair struct{ Key, Value []byte }

// Event tells of one committed transaction.
type Event struct {
	Seq     uint64 // the transaction's number, unique
	Payload []byte
}
