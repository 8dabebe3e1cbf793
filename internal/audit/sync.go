package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// mark is the state of the log at one moment.
type mark struct {
	at   position
	tree frontier
}

// run brings the log to disk while it is being written, until closing.
func (l *Log) run() {
	defer close(l.stopped)
	var due <-chan time.Time // the next checkpoint, nil when none is owed
	for {
		select {
		case <-l.closing:
			return
		case <-l.dirty:
			l.pause(l.how.syncDelay)
			l.flush() // a failure is kept: see poison
			if due == nil {
				due = time.After(l.how.checkpointEvery - time.Since(l.lastSettled()))
			}
		case <-due:
			due = nil
			if _, err := l.settle(context.Background()); err != nil && l.Healthy() == nil {
				due = time.After(l.how.checkpointEvery) // the store did not answer, or files are short: try again
			}
		}
	}
}

// pause waits, but not when the log is being closed.
func (l *Log) pause(d time.Duration) {
	select {
	case <-l.closing:
	case <-time.After(d):
	}
}

// flush brings everything that was written before the call to disk.
func (l *Log) flush() error {
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	return l.flushLocked()
}

func (l *Log) flushLocked() error {
	if err := l.Healthy(); err != nil {
		return err
	}
	m, outs, newName := l.cutOff()
	for i, out := range outs {
		err := out.Sync()
		if i < len(outs)-1 {
			err = errors.Join(err, out.Close())
		}
		if err != nil {
			return l.poison(fmt.Errorf("audit: bring the log to disk: %w", err))
		}
	}
	if newName {
		if err := l.disk.sync(); err != nil {
			return l.poison(fmt.Errorf("audit: bring the log's directory to disk: %w", err))
		}
	}
	l.synced = m
	return nil
}

// cutOff returns the state now and the files it is spread over that are not on
// disk yet. All but the last are full, and the caller's to close.
func (l *Log) cutOff() (m mark, outs []output, newName bool) {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	outs, newName = l.full, l.newName
	if l.out != nil {
		outs = append(outs, l.out)
	}
	l.full, l.newName = nil, false
	return mark{l.at, l.tree.clone()}, outs, newName
}

// settle brings the log to disk, clears the outbox of what is there, and then
// puts a checkpoint beside the log. This order is what recovery relies on: a
// record whose outbox row may still exist is never below the last checkpoint.
func (l *Log) settle(ctx context.Context) (*checkpoint, error) {
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	if err := l.flushLocked(); err != nil {
		return nil, err
	}
	c := l.checkpointOf(l.synced)
	if err := l.clearOutbox(ctx, c); err != nil {
		return nil, err
	}
	if err := l.saveCheckpoint(c); errors.Is(err, errNoFile) {
		return nil, err // the last one still holds
	} else if err != nil {
		return nil, l.poison(err)
	}
	l.settled = time.Now()
	return c, nil
}

func (l *Log) lastSettled() time.Time {
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	return l.settled
}

// checkpointOf is the checkpoint of a state, in its local form.
func (l *Log) checkpointOf(m mark) *checkpoint {
	return &checkpoint{
		origin: l.id.Name(), size: m.tree.size, root: m.tree.root(),
		local: &resume{at: m.at, frontier: m.tree},
	}
}

func (l *Log) saveCheckpoint(c *checkpoint) error {
	signed, err := l.id.sign(c)
	if err != nil {
		return fmt.Errorf("audit: sign a checkpoint: %w", err)
	}
	if err := l.disk.replace(checkpointFile, signed); err != nil {
		return fmt.Errorf("audit: write a checkpoint: %w", err)
	}
	return nil
}

// poison makes err the log's state for good, unless it already has one.
func (l *Log) poison(err error) error {
	err = fmt.Errorf("%w; nothing is answered any more: see to the disk, then start the node again", err)
	l.failure.CompareAndSwap(nil, &err)
	return *l.failure.Load()
}
