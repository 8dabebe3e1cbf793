package pgengine

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"cloister/internal/store"
)

// tx is one transaction. Writes are kept back and sent together, before the
// next read or the commit.
type tx struct {
	ctx     context.Context
	inner   pgx.Tx
	writes  pgx.Batch
	payload []byte
	failure error // the first error of the server: there will be no commit
}

const (
	selectOne = `SELECT v FROM cloister_kv WHERE k = $1`
	selectUp  = `SELECT k, v FROM cloister_kv WHERE k >= $1 AND k < $2 ORDER BY k LIMIT $3`
	selectOff = `SELECT k, v FROM cloister_kv WHERE k >= $1 AND k < $2 ORDER BY k DESC LIMIT $3`
	upsert    = `INSERT INTO cloister_kv (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v`
	remove    = `DELETE FROM cloister_kv WHERE k = $1`
	announce  = `INSERT INTO cloister_feed (seq, payload, at) VALUES (nextval('cloister_seq'), $1, clock_timestamp()) RETURNING seq`
)

// run calls fn and sends its writes. Whatever fn makes of an error of the
// server's, that error decides.
func (t *tx) run(fn func(store.EngineTx) error) error {
	err := fn(t)
	if err == nil {
		err = t.flush()
	}
	if err == nil {
		err = t.ctx.Err()
	}
	if marked := retryable(t.failure); again(marked) {
		return marked
	}
	if err == nil {
		err = t.failure
	}
	return err
}

func (t *tx) fail(err error) error {
	if err != nil && t.failure == nil {
		t.failure = err
	}
	return err
}

func (t *tx) Get(key []byte) ([]byte, error) {
	if err := t.flush(); err != nil {
		return nil, err
	}
	var value []byte
	err := t.inner.QueryRow(t.ctx, selectOne, key).Scan(&value)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return value, t.fail(err)
}

// A scan reads pages, so that the connection is free for other reads between
// two pairs; pages grow, since most scans end early or run to the end.
const (
	firstPage = 32
	lastPage  = 1024
)

func (t *tx) Scan(span store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		for size := firstPage; ; size = min(2*size, lastPage) {
			page, err := t.page(span, size)
			if err != nil {
				yield(store.Pair{}, err)
				return
			}
			for _, p := range page {
				if !yield(p, nil) {
					return
				}
			}
			if len(page) < size {
				return
			}
			span = rest(span, page[len(page)-1].Key)
		}
	}
}

// rest is what of the range comes behind key.
func rest(span store.Range, key []byte) store.Range {
	if span.Backward {
		span.To = key
	} else {
		span.From = append(key[:len(key):len(key)], 0)
	}
	return span
}

func (t *tx) page(span store.Range, size int) ([]store.Pair, error) {
	if err := t.flush(); err != nil {
		return nil, err
	}
	query := selectUp
	if span.Backward {
		query = selectOff
	}
	rows, err := t.inner.Query(t.ctx, query, span.From, span.To, size)
	if err != nil {
		return nil, t.fail(err)
	}
	page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.Pair])
	return page, t.fail(err)
}

func (t *tx) Set(key, value []byte) error {
	t.writes.Queue(upsert, key, value)
	return nil
}

func (t *tx) Delete(key []byte) error {
	t.writes.Queue(remove, key)
	return nil
}

func (t *tx) Emit(payload []byte) error {
	t.payload = payload
	return nil
}

// flush sends the writes that were kept back.
func (t *tx) flush() error {
	if t.failure != nil {
		return t.failure
	}
	if t.writes.Len() == 0 {
		return nil
	}
	err := t.inner.SendBatch(t.ctx, &t.writes).Close()
	t.writes = pgx.Batch{}
	return t.fail(err)
}

// insertEvent draws the transaction's number. It comes last: whoever sees this
// transaction's writes draws a higher one, and so the numbers order what
// could see each other.
func (t *tx) insertEvent() (seq int64, err error) {
	err = t.inner.QueryRow(t.ctx, announce, t.payload).Scan(&seq)
	return seq, err
}

// commit waits for the answer even if ctx ends, so that what was committed is
// not reported as cancelled.
func (t *tx) commit() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), commitLimit)
	defer cancel()
	if err := t.inner.Commit(ctx); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// rollback ends a transaction that was not committed.
func (t *tx) rollback() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), commitLimit)
	defer cancel()
	_ = t.inner.Rollback(ctx) // the server ends it anyway
}
