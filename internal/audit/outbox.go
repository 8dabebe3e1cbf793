package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cloister/internal/store"
)

// staged is a record that was committed with the state and is not yet known to
// be on disk in the log. Record is encoded, with the sequence that is also the
// row's key.
type staged struct {
	Record []byte `cbor:"1,keyasint"`
}

// head is the last checkpoint of a node's log, kept with the state: cutting the
// log off then also takes bringing the state back to a time before.
type head struct {
	Checkpoint []byte `cbor:"1,keyasint"`
}

var (
	outbox = store.Define[staged]("audit_outbox", store.Clear(0, 1)) // node, sequence
	heads  = store.Define[head]("audit_heads", store.Clear(0))       // node
)

// strayAfter is the age at which a row of the outbox that nobody moved is taken
// for one whose commit was in doubt: it is far longer than a commit takes.
const strayAfter = 5 * time.Second

// claims says which staged records are in the log or on their way, so that each
// gets there once.
type claims struct {
	mu     sync.Mutex
	seq    uint64           // the last one given out
	places map[uint64]int64 // index in the log by sequence; -1 while it is being written
	strays map[uint64]bool  // were moved without their transaction's own call
}

// next gives out a sequence. It follows the clock, so that what an earlier
// process of this node committed late is not mistaken for something new.
func (c *claims) next() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq = max(c.seq+1, uint64(time.Now().UnixNano()))
	return c.seq
}

// claim says whether the caller is the one who puts the record in the log.
func (c *claims) claim(seq uint64, stray bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.strays[seq] {
		return false
	}
	if _, taken := c.places[seq]; taken {
		return false
	}
	c.places[seq] = -1
	if stray {
		c.strays[seq] = true
	}
	return true
}

// waive takes a claim back.
func (c *claims) waive(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.places, seq)
	delete(c.strays, seq)
}

// place notes where a record lies in the log.
func (c *claims) place(seq uint64, index int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places[seq] = index
	c.seq = max(c.seq, seq)
}

// placeAll notes where the staged ones of these records lie. It happens before
// any checkpoint can cover them: see settle.
func (c *claims) placeAll(records []pending, first int64) {
	for i, p := range records {
		if p.seq != 0 {
			c.place(p.seq, first+int64(i))
		}
	}
}

// below lists the records that lie below an index.
func (c *claims) below(size int64) (seqs []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for seq, index := range c.places {
		if index >= 0 && index < size {
			seqs = append(seqs, seq)
		}
	}
	return seqs
}

func (c *claims) forget(seqs []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, seq := range seqs {
		delete(c.places, seq)
	}
}

var errNoStore = errors.New("audit: this log was opened without a store, so nothing can be staged")

// Stage records rec as part of tx: it goes into the log exactly once if tx
// commits, and before Update returns; otherwise never. A failure to write to the
// file after the commit shows in Healthy, which the caller asks before it answers.
func (l *Log) Stage(tx *store.Tx, rec *Record) error {
	if l.db == nil {
		return errNoStore
	}
	if err := l.Healthy(); err != nil {
		return err
	}
	seq := l.claims.next()
	record := encode(rec, seq)
	if err := outbox.Insert(tx, store.K(l.id.node, seq), &staged{record}); err != nil {
		return fmt.Errorf("audit: stage a record: %w", err)
	}
	tx.Defer(func() { l.move(seq, record, false) })
	return nil
}

// move puts a committed record in the log, unless it is there. A failure poisons
// the log; the row stays, and the record is put there at the next start. Where
// nothing could be written yet, moveStrays puts it there later.
func (l *Log) move(seq uint64, record []byte, stray bool) {
	if !l.claims.claim(seq, stray) {
		return
	}
	if err := l.push(pending{record, seq}); errors.Is(err, errNoFile) {
		l.claims.waive(seq)
	}
}

// clearOutbox deletes the rows whose records a durable log of c's size holds,
// and keeps c with the state. Then it moves what was left behind.
func (l *Log) clearOutbox(ctx context.Context, c *checkpoint) error {
	if l.db == nil {
		return nil
	}
	done := l.claims.below(c.size)
	if err := l.deleteRows(ctx, done, c); err != nil {
		return fmt.Errorf("audit: clear the outbox: %w", err)
	}
	l.claims.forget(done)
	return l.moveStrays(ctx, strayAfter)
}

func (l *Log) deleteRows(ctx context.Context, seqs []uint64, c *checkpoint) error {
	signed, err := l.id.sign(c)
	if err != nil {
		return err
	}
	return l.db.Update(ctx, func(tx *store.Tx) error {
		for _, seq := range seqs {
			err := outbox.Delete(tx, store.K(l.id.node, seq))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return heads.Put(tx, store.K(l.id.node), &head{signed})
	})
}

// moveStrays puts records in the log whose commit succeeded without the process
// learning of it: it died, or the connection to the store did.
func (l *Log) moveStrays(ctx context.Context, age time.Duration) error {
	before := uint64(time.Now().Add(-age).UnixNano())
	return l.db.View(ctx, func(r store.Reader) error {
		for item, err := range outbox.Scan(r, store.K(l.id.node), nil) {
			if err != nil {
				return fmt.Errorf("audit: read the outbox: %w", err)
			}
			seq, _ := item.Key[1].(uint64)
			if age == 0 || seq < before {
				l.move(seq, item.Value.Record, true)
			}
		}
		return l.Healthy()
	})
}

// savedHead is the last checkpoint that the state knows of, nil when none.
func (l *Log) savedHead(ctx context.Context) (signed []byte, err error) {
	if l.db == nil {
		return nil, nil
	}
	err = l.db.View(ctx, func(r store.Reader) error {
		h, err := heads.Get(r, store.K(l.id.node))
		if err == nil {
			signed = h.Checkpoint
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return signed, err
}
