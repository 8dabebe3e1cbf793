package pgengine

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// fillAfter is how long a number may be missing before somebody looks.
	fillAfter = 200 * time.Millisecond
	// fillPatience is how long looking waits for a transaction in progress.
	fillPatience = `SET LOCAL lock_timeout = 50` // milliseconds
	insertEmpty  = `INSERT INTO cloister_feed (seq, payload, at) VALUES ($1, '', clock_timestamp()) ON CONFLICT DO NOTHING`
	// maxGaps is more than any number of lost transactions; beyond it the
	// sequence was tampered with.
	maxGaps = 1 << 20

	tidyEvery  = 100 * time.Millisecond
	pruneEvery = 30 * time.Second
)

// gaps are the numbers that were passed and not seen, and since when.
type gaps map[int64]time.Time

// add adds the numbers from, inclusive, to to, exclusive.
func (g gaps) add(from, to int64, now time.Time) error {
	if to-from+int64(len(g)) > maxGaps {
		return fmt.Errorf("the change feed jumps from number %d to %d; see who changed cloister_seq", from, to)
	}
	for n := from; n < to; n++ {
		g[n] = now
	}
	return nil
}

func (g gaps) numbers() []int64 {
	all := make([]int64, 0, len(g))
	for n := range g {
		all = append(all, n)
	}
	return all
}

func (g gaps) lowest() (lowest int64, ok bool) {
	for n := range g {
		if !ok || n < lowest {
			lowest, ok = n, true
		}
	}
	return lowest, ok
}

func (g gaps) before(limit time.Time) (old []int64) {
	for n, since := range g {
		if since.Before(limit) {
			old = append(old, n)
		}
	}
	return old
}

// tidyLoop fills gaps and prunes the feed.
func (f *feed) tidyLoop(ctx context.Context) {
	defer f.done.Done()
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	pruned := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			f.fillGaps(ctx, now.Add(-fillAfter))
			if now.Sub(pruned) > pruneEvery {
				pruned = now
				_ = f.prune(ctx, retention) // the next round makes up for it
			}
		}
	}
}

// fillGaps looks at each number that has been missing since before limit. What
// fails, because the transaction is in progress still or the server is away,
// is done again in the next round.
func (f *feed) fillGaps(ctx context.Context, limit time.Time) {
	f.mu.Lock()
	old := f.gaps.before(limit)
	f.mu.Unlock()
	for _, seq := range old {
		_ = f.fill(ctx, seq)
	}
}

// fill puts an empty event in the place of a number whose transaction is gone.
// The table's own unique index tells which are: where the transaction has
// inserted its event and is still in progress, ours waits for it, and gives up
// after fillPatience; where it commits, ours does nothing; where it is rolled
// back, ours takes the place. A transaction that comes to insert its event
// afterwards fails and runs again with a new number.
func (f *feed) fill(ctx context.Context, seq int64) error {
	return pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fillPatience); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertEmpty, seq)
		return err
	})
}

// retention is how long events are kept, for nodes that are slower.
const retention = 5 * time.Minute

// deleteOld deletes the events that come before all those younger than $2
// milliseconds, not beyond $1, and raises the floor to the last one.
const deleteOld = `WITH gone AS (
		DELETE FROM cloister_feed WHERE seq <= $1 AND seq < coalesce((
			SELECT min(seq) FROM cloister_feed WHERE at >= clock_timestamp() - $2::bigint * interval '1 millisecond'), $1 + 1)
		RETURNING seq)
	UPDATE cloister_floor SET seq = greatest(seq, (SELECT max(gone.seq) FROM gone)) WHERE one = 1 AND EXISTS (SELECT 1 FROM gone)`

// prune removes events that are older, never past a number that is missing. A
// node that would have needed one nevertheless finds the floor above it.
func (f *feed) prune(ctx context.Context, older time.Duration) error {
	f.mu.Lock()
	limit := f.complete()
	f.mu.Unlock()
	_, err := f.pool.Exec(ctx, deleteOld, limit, older.Milliseconds())
	return err
}
