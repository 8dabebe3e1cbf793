package store

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

const (
	sweepEvery = 15 * time.Second
	sweepBatch = 256 // rows in one transaction
)

// sweepLoop removes expired rows until ctx ends.
func (db *DB) sweepLoop(ctx context.Context) {
	defer close(db.stopped)
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// An unhealthy store has told everybody already.
			if _, err := db.Sweep(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnhealthy) {
				slog.Error("removing expired rows failed and will be tried again", "error", err)
			}
		}
	}
}

// Sweep removes all rows that have expired, as the store itself does every 15
// seconds, and returns how many. Subscribers see each as deleted.
func (db *DB) Sweep(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := db.sweepSome(ctx)
		total += n
		if err != nil || n < sweepBatch {
			return total, err
		}
	}
}

func (db *DB) sweepSome(ctx context.Context) (n int, err error) {
	due, err := db.due(ctx)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	err = db.Update(ctx, func(tx *Tx) error {
		n = 0
		for _, p := range due {
			if err := tx.eraseExpired(p); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// due finds rows that have expired. It is a View, so that a sweep with
// nothing to do does not stand in the way of writers.
func (db *DB) due(ctx context.Context) (due []place, err error) {
	err = db.View(ctx, func(r Reader) error {
		s := r.snapshot()
		to, _ := appendComponent([]byte{spaceExpiry}, s.now)
		for p, err := range s.scan(Range{From: []byte{spaceExpiry}, To: behind(to)}) {
			if err != nil {
				return err
			}
			at, err := s.db.openExpiry(p)
			if err != nil {
				return err
			}
			if due = append(due, at); len(due) == sweepBatch {
				return nil
			}
		}
		return nil
	})
	return due, err
}

// openExpiry returns the row that an expiry entry points to.
func (db *DB) openExpiry(p Pair) (place, error) {
	_, rest, err := parseComponent(p.Key[1:])
	if err != nil || len(rest) == 0 {
		return place{}, ErrCorrupt
	}
	table, _, err := parseComponent(rest)
	name, ok := table.(string)
	if err != nil || !ok {
		return place{}, ErrCorrupt
	}
	components, err := db.openEntry(name, p.Key, p.Value)
	return place{name, components}, err
}

// eraseExpired removes the row unless it has been put anew.
func (tx *Tx) eraseExpired(p place) error {
	r, err := tx.row(p.table, p.rowKey())
	if err != nil || r == nil || !r.expired(tx.now) {
		return err
	}
	return tx.erase(p, r)
}
