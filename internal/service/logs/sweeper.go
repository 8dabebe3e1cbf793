package logs

import (
	"context"
	"errors"
	"log/slog"
	"math"
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
	for more := true; more; {
		err := w.db.Update(ctx, func(tx *store.Tx) error {
			some, err := removeSome(tx, id, math.MaxInt64)
			if more = some.more; more || err != nil {
				return err
			}
			if err = removed.Delete(tx, store.K(id)); errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// swept is what one transaction removed of a stream.
type swept struct {
	bytes int64
	more  bool  // there may be more to remove
	next  int64 // time of the first event that stays, 0 if none does or more
}

// removeSome removes chunks that end before limit, from the oldest on.
func removeSome(tx *store.Tx, id string, limit int64) (s swept, err error) {
	var keys []store.Key
	for item, err := range chunks.Scan(tx, store.K(id), nil) {
		if err != nil {
			return s, err
		}
		if item.Value.Last >= limit {
			s.next = item.Key[1].(int64)
			break
		}
		if len(keys) == sweepRows {
			s.more = true
			break
		}
		keys = append(keys, item.Key)
		s.bytes += item.Value.bytes()
	}
	for _, key := range keys {
		if err := chunks.Delete(tx, key); err != nil {
			return s, err
		}
	}
	return s, nil
}

// expired is a stream that holds something past its retention, before limit.
type expired struct {
	key   store.Key
	limit int64
}

// removeExpired removes what is past the retention of its group.
func (w *sweeper) removeExpired(ctx context.Context, now time.Time) error {
	var all []expired
	err := w.db.View(ctx, func(r store.Reader) (err error) {
		all, err = findExpired(r, now.UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	for _, e := range all {
		for more := true; more; {
			err := w.db.Update(ctx, func(tx *store.Tx) (err error) {
				more, err = e.remove(tx)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// remove removes some of the stream's events and keeps its figures and its
// group's. A stream that is gone meanwhile has nothing to remove.
func (e expired) remove(tx *store.Tx) (more bool, err error) {
	st, err := streams.Get(tx, e.key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	some, err := removeSome(tx, st.ID, e.limit)
	if err != nil || some.bytes == 0 {
		return false, err
	}
	g, err := groups.Get(tx, e.key[:3])
	if err != nil {
		return false, err
	}
	st.Bytes -= some.bytes
	g.Bytes -= some.bytes
	if st.First = some.next; st.Bytes == 0 {
		st.First = st.Last
	}
	return some.more, errors.Join(streams.Put(tx, e.key, st), groups.Put(tx, e.key[:3], g))
}

func findExpired(r store.Reader, now int64) (all []expired, err error) {
	for item, err := range groups.Scan(r, nil, nil) {
		if err != nil {
			return nil, err
		}
		if item.Value.Retention == 0 {
			continue
		}
		limit := now - item.Value.Retention*millisPerDay
		for st, err := range streams.Scan(r, item.Key, nil) {
			if err != nil {
				return nil, err
			}
			if st.Value.Bytes > 0 && st.Value.First < limit {
				all = append(all, expired{st.Key, limit})
			}
		}
	}
	return all, nil
}
