package audit

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cloister/internal/store"
)

// ErrForgotten is wrapped by what Open returns when the state has lost changes
// that the log has: it was damaged, or brought back from a time before.
var ErrForgotten = errors.New("the store has lost changes that were acknowledged")

// forgotten is an error when a change that is in the log is not in the state. A
// staged record's row is deleted by the transaction that raises the head above
// it: one at the head or behind it has its row, or the state has lost both. An
// engine takes a damaged end of its files for one that was never written; here
// it shows.
func (l *Log) forgotten(ctx context.Context, from *resume, signed []byte) error {
	if l.db == nil {
		return nil
	}
	known, err := l.openHead(signed)
	if err != nil {
		return err
	}
	var head int64
	if known != nil {
		head = known.size
	}
	staged := l.claims.from(head)
	if err := l.stagedIn(head, from.frontier.size, staged); err != nil {
		return err
	}
	return l.db.View(ctx, func(r store.Reader) error {
		for seq, index := range staged {
			_, err := outbox.Get(r, store.K(l.id.node, seq))
			if errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("audit: %w: record %d of the log is of one that is not there; restore the store from a copy, with its log", ErrForgotten, index)
			}
			if err != nil {
				return fmt.Errorf("audit: read the outbox: %w", err)
			}
		}
		return nil
	})
}

// stagedIn adds those records from head on, and before size, that were staged.
func (l *Log) stagedIn(head, size int64, staged map[uint64]int64) error {
	if head >= size {
		return nil
	}
	c, err := cursorFrom(l.disk.dir, head)
	if err != nil {
		return tampered("record %d: %w", head, err)
	}
	defer c.close()
	for c.next < size {
		e, err := c.read()
		if err == io.EOF || errors.Is(err, errTorn) {
			return tampered("it ends at record %d, and its checkpoint is of %d", c.next, size)
		}
		if err != nil {
			return err
		}
		s, err := openRecord(l.keys, e)
		if err != nil {
			return tampered("record %d: %w", e.index, err)
		}
		if s.Seq != 0 {
			staged[s.Seq] = e.index
		}
	}
	return nil
}

// from lists the records that lie at an index or behind it.
func (c *claims) from(index int64) map[uint64]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[uint64]int64{}
	for seq, at := range c.places {
		if at >= index {
			found[seq] = at
		}
	}
	return found
}
