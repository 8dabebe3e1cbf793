package logs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cloister/internal/store"
)

// sweeper removes what nobody can read any more: the events of deleted streams
// and those past their group's retention. It works in small transactions, so
// that others get their turn.
type sweeper struct {
	db     *store.DB
	asked  chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

// sweepRows is how many rows one transaction removes.
const sweepRows = 200

func startSweeper(db *store.DB, every time.Duration) *sweeper {
	ctx, cancel := context.WithCancel(context.Background())
	w := &sweeper{db: db, asked: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go w.loop(ctx, every)
	return w
}

// wake has the sweeper come by now.
func (w *sweeper) wake() {
	select {
	case w.asked <- struct{}{}:
	default:
	}
}

func (w *sweeper) close() {
	w.cancel()
	<-w.done
}

func (w *sweeper) loop(ctx context.Context, every time.Duration) {
	defer close(w.done)
	timer := time.NewTicker(every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.asked:
		}
		if err := w.sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
			slog.Warn("old log events could not be removed", "error", err)
		}
	}
}

// sweep removes all there is to remove at the time now.
func (w *sweeper) sweep(ctx context.Context, now time.Time) error {
	ids, err := w.deletedStreams(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := w.removeAll(ctx, id); err != nil {
			return err
		}
	}
	return w.removeExpired(ctx, now)
}

func (w *sweeper) deletedStreams(ctx context.Context) (ids []string, err error) {
	err = w.db.View(ctx, func(r store.Reader) error {
		for item, err := range removed.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			ids = append(ids, item.Value.StreamID)
		}
		return nil
	})
	return ids, err
}

// removeAll removes a deleted stream's events, and then forgets the stream.
func (w *sweeper) removeAll(ctx context.Context, id string) error {
	if err := w.removeChunks(ctx, id, func(*chunk) bool { return true }); err != nil {
		return err
	}
	return w.db.Update(ctx, func(tx *store.Tx) error {
		err := removed.Delete(tx, store.K(id))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
}

// removeChunks removes the chunks of a stream, from the oldest on, as long as
// they are old.
func (w *sweeper) removeChunks(ctx context.Context, id string, old func(*chunk) bool) error {
	for more := true; more; {
		err := w.db.Update(ctx, func(tx *store.Tx) (err error) {
			more, err = removeSome(tx, id, old)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func removeSome(tx *store.Tx, id string, old func(*chunk) bool) (more bool, err error) {
	var keys []store.Key
	for item, err := range chunks.Scan(tx, store.K(id), nil) {
		if err != nil {
			return false, err
		}
		if !old(item.Value) {
			break
		}
		if keys = append(keys, item.Key); len(keys) == sweepRows {
			more = true
			break
		}
	}
	for _, key := range keys {
		if err := chunks.Delete(tx, key); err != nil {
			return false, err
		}
	}
	return more, nil
}

// removeExpired removes what is past the retention of its group.
func (w *sweeper) removeExpired(ctx context.Context, now time.Time) error {
	limits := map[string]int64{} // by stream id
	err := w.db.View(ctx, func(r store.Reader) error { return expiredStreams(r, now.UnixMilli(), limits) })
	for id, limit := range limits {
		if err == nil {
			err = w.removeChunks(ctx, id, func(c *chunk) bool { return c.Last < limit })
		}
	}
	return err
}

// expiredStreams finds the streams that hold something past their retention,
// and before when.
func expiredStreams(r store.Reader, now int64, limits map[string]int64) error {
	for item, err := range groups.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		if item.Value.Retention == 0 {
			continue
		}
		limit := now - item.Value.Retention*millisPerDay
		for st, err := range streams.Scan(r, item.Key, nil) {
			if err != nil {
				return err
			}
			if st.Value.Batches > 0 && st.Value.First < limit {
				limits[st.Value.ID] = limit
			}
		}
	}
	return nil
}
