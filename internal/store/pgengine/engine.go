// Package pgengine is the storage engine in a PostgreSQL database, shared by
// several nodes: serialisable transactions, and a feed that tells every node of
// every committed transaction and never skips one that commits late.
//
// All data is in two tables of opaque bytes and one counter of what was pruned.
// What is sent to the server is SQL that YugabyteDB takes too: no LISTEN, no
// advisory locks, no system columns and no functions over transaction ids.
// (There, set ysql_sequence_cache_minval=1, or events may come out of order.)
//
// A transaction is durable as far as the server's synchronous_commit makes it
// so; a server where it is off is refused. Views are snapshots of PostgreSQL's
// REPEATABLE READ.
package pgengine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cloister/internal/store"
)

// Engine is a store.Engine in a database.
type Engine struct {
	pool *pgxpool.Pool
	feed *feed
}

var _ store.Engine = (*Engine)(nil)

// idleLimit ends a transaction whose node went away without closing it.
const idleLimit = "60000" // milliseconds

// commitLimit bounds the wait for the server's answer to COMMIT, which the
// caller's context does not cut short.
const commitLimit = 30 * time.Second

// Open connects to the database at url, a PostgreSQL URL or DSN, and makes the
// tables in it if need be.
func Open(ctx context.Context, url string) (*Engine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the database's URL: %w", err)
	}
	config.ConnConfig.RuntimeParams["application_name"] = "cloister"
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = idleLimit
	config.MaxConns = max(config.MaxConns, 16)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	e := &Engine{pool: pool}
	if err := e.prepare(ctx, config); err != nil {
		pool.Close()
		return nil, err
	}
	return e, nil
}

// prepare makes the tables and starts the feed, which has connections of its
// own, so that transactions cannot starve it.
func (e *Engine) prepare(ctx context.Context, config *pgxpool.Config) error {
	if err := createTables(ctx, e.pool); err != nil {
		return fmt.Errorf("making the store's tables: %w", err)
	}
	own := config.Copy()
	own.MinConns, own.MaxConns = 0, 2
	pool, err := pgxpool.NewWithConfig(ctx, own)
	if err != nil {
		return fmt.Errorf("connecting to the database: %w", err)
	}
	if e.feed, err = newFeed(ctx, pool); err != nil {
		pool.Close()
		return fmt.Errorf("reading the change feed: %w", err)
	}
	return nil
}

// View implements store.Engine.
func (e *Engine) View(ctx context.Context, fn func(store.EngineReader) error) error {
	t, err := e.begin(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer t.rollback()
	return fn(t)
}

// Update implements store.Engine.
func (e *Engine) Update(ctx context.Context, fn func(store.EngineTx) error) error {
	for attempt := 0; ; attempt++ {
		err := e.attempt(ctx, fn)
		if !again(err) || attempt == maxAttempts {
			return unwrapAgain(err)
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// attempt runs the transaction once.
func (e *Engine) attempt(ctx context.Context, fn func(store.EngineTx) error) error {
	t, err := e.begin(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
	if err != nil {
		return retryable(err)
	}
	defer t.rollback()
	if err := t.run(fn); err != nil {
		return err
	}
	if t.payload == nil {
		return retryable(t.commit())
	}
	return e.commitWithEvent(t)
}

// commitWithEvent puts the event into the feed, commits, and waits until it
// has come out again on this node. The wait is set up first, since the feed
// may see the event before the server's answer to COMMIT is here.
func (e *Engine) commitWithEvent(t *tx) error {
	seq, err := t.insertEvent()
	if err != nil {
		return retryable(err)
	}
	seen := e.feed.expect(seq)
	defer e.feed.forget(seq)
	if err := t.commit(); err != nil {
		return retryable(err)
	}
	return e.feed.await(seen)
}

// Follow implements store.Engine.
func (e *Engine) Follow(fn func(store.Event) error) { e.feed.start(fn) }

// Healthy implements store.Engine.
func (e *Engine) Healthy() error { return e.feed.healthy() }

// Shared implements store.Engine.
func (e *Engine) Shared() bool { return true }

// Check implements store.Engine: PostgreSQL keeps its own structures.
func (e *Engine) Check(ctx context.Context) error { return e.pool.Ping(ctx) }

// Close implements store.Engine.
func (e *Engine) Close() error {
	e.feed.close()
	e.pool.Close()
	return nil
}

func (e *Engine) begin(ctx context.Context, options pgx.TxOptions) (*tx, error) {
	inner, err := e.pool.BeginTx(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	return &tx{ctx: ctx, inner: inner}, nil
}

var errSynchronousCommit = errors.New("the server has synchronous_commit off, so that a crash would take back what was acknowledged; turn it on")
