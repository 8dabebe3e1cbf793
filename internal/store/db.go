package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloister/internal/seal"
)

// DB is a store. It is safe for concurrent use.
type DB struct {
	engine      Engine
	keys        *seal.Keyring
	now         func() time.Time
	subscribers subscribers
	calls       *gate
	stop        context.CancelFunc // of the sweeper
	stopped     chan struct{}      // closed when it has
}

// Open opens the store in the engine, or makes it in an empty one. The engine
// then belongs to the DB, and to the caller again when Open fails. A store
// made under another root key or by a version with another format is refused.
func Open(engine Engine, keys *seal.Keyring) (*DB, error) {
	ctx, stop := context.WithCancel(context.Background())
	db := &DB{engine: engine, keys: keys, now: time.Now, calls: newGate(), stop: stop, stopped: make(chan struct{})}
	engine.Follow(db.deliver)
	if err := db.checkFormat(ctx); err != nil {
		stop()
		return nil, err
	}
	go db.sweepLoop(ctx)
	return db, nil
}

// Close waits for every View and Update that is running and closes the engine.
// Later ones get ErrClosed. It must not be called from within one.
func (db *DB) Close() error {
	db.stop()
	<-db.stopped
	db.calls.close()
	return db.engine.Close()
}

// View calls fn once with a consistent snapshot of what is durable. On
// PostgreSQL the snapshot is one of snapshot isolation.
func (db *DB) View(ctx context.Context, fn func(r Reader) error) error {
	if err := db.Healthy(); err != nil {
		return err
	}
	if err := db.calls.enter(); err != nil {
		return err
	}
	defer db.calls.leave()
	return db.engine.View(ctx, func(r EngineReader) error {
		s := db.newSnapshot(ctx, r)
		defer func() { s.ended = true }()
		return fn(s)
	})
}

// Update runs fn in a serialisable transaction. It returns nil when the
// changes are durable and every subscriber in this process has been called.
// fn may be run again, so it must have no effect but through tx; [Tx.Defer] is
// for those. When fn fails, its error is returned as it is and nothing has
// changed; neither when ctx ends before the commit. Any other error leaves
// open whether the transaction, all of it, took place.
//
// An Update must not be made inside another, nor inside a View, nor by a
// subscriber: the embedded engine has one writer at a time.
func (db *DB) Update(ctx context.Context, fn func(tx *Tx) error) error {
	if err := db.Healthy(); err != nil {
		return err
	}
	if err := db.calls.enter(); err != nil {
		return err
	}
	defer db.calls.leave()
	var deferred []func()
	err := db.engine.Update(ctx, func(e EngineTx) error {
		tx := &Tx{Snapshot: db.newSnapshot(ctx, e), engine: e}
		defer func() { tx.ended = true }()
		if err := fn(tx); err != nil {
			return err
		}
		deferred = tx.deferred
		return tx.emit()
	})
	if err != nil {
		return err
	}
	for _, fn := range deferred {
		fn()
	}
	return nil
}

// Subscribe has fn called for every change of the table that is committed
// from now on, here or by another node, in the order of the commits: a change
// comes after all that its transaction could see. For a transaction of this
// process, fn has run before Update returns. Every call holds up the ones
// behind it and the Updates waiting for them: fn is quick and never calls
// Update.
//
// A cache subscribes first and reads the table then; it may be told of
// changes that it has read already. Where two transactions could not see each
// other, PostgreSQL may tell of them in another order on another node.
func (db *DB) Subscribe(table string, fn func(Change)) { db.subscribers.add(table, fn) }

// Shared says whether other nodes may keep their state in the same place.
func (db *DB) Shared() bool { return db.engine.Shared() }

// Healthy returns nil, or wraps [ErrUnhealthy] and says why the store answers
// nothing: a write that the disk did not take, for good; or a change feed
// that is behind, until it has caught up.
func (db *DB) Healthy() error {
	if err := db.engine.Healthy(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	return nil
}

func (db *DB) newSnapshot(ctx context.Context, r EngineReader) *Snapshot {
	return &Snapshot{db: db, ctx: ctx, engine: r, now: db.now()}
}

// format is the version of the layout and of the encoding of rows.
const format = "cloister store 1"

var formatKey = []byte{spaceMeta, 'f'}

// checkFormat makes sure that the store is of this format, or empty, and that
// the keys are the right ones.
func (db *DB) checkFormat(ctx context.Context) error {
	return db.engine.Update(ctx, func(tx EngineTx) error {
		sealed, err := tx.Get(formatKey)
		if err != nil {
			return err
		}
		if sealed == nil {
			return db.writeFormat(tx)
		}
		found, err := db.keys.Open("", formatKey, sealed)
		if err != nil {
			return fmt.Errorf("the store was made under another root key; give the one it was made with: %w", err)
		}
		if string(found) != format {
			return fmt.Errorf("the store has format %q and this version needs %q; use the version that made it", found, format)
		}
		return nil
	})
}

func (db *DB) writeFormat(tx EngineTx) error {
	for _, err := range tx.Scan(everything) {
		if err != nil {
			return err
		}
		return errors.New("there is data without a store's format mark; restore a backup or choose an empty place")
	}
	return tx.Set(formatKey, db.keys.Seal("", formatKey, []byte(format)))
}
