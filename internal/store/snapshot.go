package store

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Reader is a consistent snapshot, a [*Snapshot] or a [*Tx], for the
// functions of [Collection]. It is for one goroutine, and only until the
// function that it was given to returns.
type Reader interface{ snapshot() *Snapshot }

// Snapshot is the Reader that [DB.View] gives.
type Snapshot struct {
	db     *DB
	ctx    context.Context
	engine EngineReader
	now    time.Time // decides what has expired, the same all through
	ended  bool
}

func (s *Snapshot) snapshot() *Snapshot { return s }

// Now is the time of this snapshot, which decides what has expired.
func (s *Snapshot) Now() time.Time { return s.now }

// usable says whether anything may still be read.
func (s *Snapshot) usable() error {
	if s.ended {
		return ErrEnded
	}
	return s.ctx.Err()
}

// get reads an engine key; nil when it is not there.
func (s *Snapshot) get(key []byte) ([]byte, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	return s.engine.Get(key)
}

// scan yields a range of engine keys until it ends or the context does.
func (s *Snapshot) scan(r Range) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		if err := s.usable(); err != nil {
			yield(Pair{}, err)
			return
		}
		for p, err := range s.engine.Scan(r) {
			if err == nil {
				err = s.usable()
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// row reads the row at an engine key, also one that has expired; nil when
// there is none.
func (s *Snapshot) row(table string, key []byte) (*row, error) {
	sealed, err := s.get(key)
	if err != nil || sealed == nil {
		return nil, err
	}
	return s.db.openRow(table, key, sealed)
}

// entry reads the row components that an index or expiry entry points to; nil
// when there is no such entry.
func (s *Snapshot) entry(table string, key []byte) ([]byte, error) {
	sealed, err := s.get(key)
	if err != nil || sealed == nil {
		return nil, err
	}
	return s.db.openEntry(table, key, sealed)
}

func (db *DB) openEntry(table string, key, sealed []byte) ([]byte, error) {
	components, err := db.keys.Open(table, key, sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: index entry of %s: %w", ErrCorrupt, table, err)
	}
	return components, nil
}
