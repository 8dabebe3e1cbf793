package pebbleengine

import (
	"github.com/cockroachdb/pebble/v2"

	"cloister/internal/store"
)

// commit is a transaction from when it is applied until it is durable.
type commit struct {
	batch    *pebble.Batch
	snapshot *snapshot // what there is once this one counts
	payload  []byte
	done     chan struct{} // closed when err is final
	err      error
}

// durable is a commit that needs no waiting for.
func durable() *commit {
	c := &commit{done: make(chan struct{})}
	close(c.done)
	return c
}

// commit applies the transaction. The caller holds the writer's token.
func (e *Engine) commit(t *tx) (*commit, error) {
	c := &commit{batch: t.batch(), payload: t.payload, done: make(chan struct{})}
	if err := e.applyBatch(c.batch); err != nil {
		return nil, err
	}
	c.snapshot = e.newSnapshot()
	e.last = c
	e.queue <- c
	return c, nil
}

// applyBatch writes to the log and to memory. It does not wait for a pebble
// that stands still because the disk has failed.
func (e *Engine) applyBatch(b *pebble.Batch) error {
	applied := make(chan error, 1)
	go func() { applied <- e.db.ApplyNoSyncWait(b, pebble.Sync) }()
	select {
	case err := <-applied:
		return err
	case <-e.poisoned:
		return e.Healthy()
	}
}

// publish waits for the log, commit by commit in order, and makes each one
// count: readers see it, then the follower, then Update.
func (e *Engine) publish() {
	defer close(e.drained)
	for c := range e.queue {
		c.err = e.settle(c)
		close(c.done)
	}
}

func (e *Engine) settle(c *commit) error {
	if err := c.batch.SyncWait(); err != nil {
		e.poison(err)
	}
	if err := e.Healthy(); err != nil {
		return err
	}
	seq := uint64(c.batch.SeqNum())
	if err := c.batch.Close(); err != nil {
		e.poison(err)
	}
	e.setShown(c.snapshot)
	if c.payload != nil && e.follow != nil {
		if err := e.follow(store.Event{Seq: seq, Payload: c.payload}); err != nil {
			e.poison(err)
		}
	}
	return e.Healthy()
}

// await returns when the commit counts, or never will.
func (e *Engine) await(c *commit) error {
	select {
	case <-c.done:
		return c.err
	case <-e.poisoned:
		return e.Healthy()
	}
}
