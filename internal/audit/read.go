package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"time"

	"cloister/internal/seal"
)

// Records yields the records from index from (0 is the first) up to those that
// were written when it was called.
func (l *Log) Records(ctx context.Context, from int64) iter.Seq2[Entry, error] {
	size := l.Size()
	return func(yield func(Entry, error) bool) {
		l.read(ctx, from, func(next int64) bool { return next < size }, yield)
	}
}

// Follow yields the records from index from on, and waits for more until ctx is
// done or the log is closed.
func (l *Log) Follow(ctx context.Context, from int64) iter.Seq2[Entry, error] {
	wait := func(next int64) bool {
		for {
			rung := l.grown.wait()
			if next < l.Size() {
				return true
			}
			if l.Healthy() != nil {
				return false
			}
			select {
			case <-rung:
			case <-ctx.Done():
				return false
			}
		}
	}
	return func(yield func(Entry, error) bool) { l.read(ctx, from, wait, yield) }
}

// read yields entries for as long as more says that there is one to come.
func (l *Log) read(ctx context.Context, from int64, more func(next int64) bool, yield func(Entry, error) bool) {
	if from = max(from, 0); !more(from) {
		return
	}
	c, err := cursorFrom(l.disk.dir, from)
	if err != nil {
		yield(Entry{}, readError(from, err))
		return
	}
	defer c.close()
	for more(c.next) {
		if !yieldNext(ctx, c, l.keys, yield) {
			return
		}
	}
}

// yieldNext reads, opens and yields one entry; false ends the reading.
func yieldNext(ctx context.Context, c *cursor, keys *seal.Keyring, yield func(Entry, error) bool) bool {
	err := ctx.Err()
	index := c.next
	var e Entry
	if err == nil {
		e, err = openNext(c, keys)
	}
	if err != nil {
		yield(Entry{}, readError(index, err))
		return false
	}
	return yield(e, nil)
}

func openNext(c *cursor, keys *seal.Keyring) (Entry, error) {
	index := c.next
	raw, err := c.read()
	if err != nil {
		return Entry{}, err
	}
	if raw.index != index {
		return Entry{}, fmt.Errorf("record %d lies there: %w", raw.index, ErrTampered)
	}
	s, err := openRecord(keys, raw)
	if err != nil {
		return Entry{}, err
	}
	return Entry{index, s.Record}, nil
}

func readError(index int64, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("audit: record %d: %w; `cloister audit verify` says more", index, err)
}

// pollEvery is how often Read looks for more in another process's log.
const pollEvery = 100 * time.Millisecond

// Read yields the records of the log in dir/audit from index from on, without
// the node: it may be stopped, or running in another process. With follow it
// waits for more until ctx is done.
func Read(ctx context.Context, dir string, keys *seal.Keyring, from int64, follow bool) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		c, err := cursorFrom(filepath.Join(dir, logDir), max(from, 0))
		if err == io.EOF || errors.Is(err, errTorn) {
			return
		}
		if err != nil {
			yield(Entry{}, readError(from, err))
			return
		}
		defer c.close()
		for readOrWait(ctx, c, keys, follow, yield) {
		}
	}
}

// Size is the number of whole records in the log in dir/audit, for finding a
// place to read from. Like Read it works beside a running node.
func Size(dir string) (int64, error) {
	firsts, err := segments(filepath.Join(dir, logDir))
	if err != nil || len(firsts) == 0 {
		return 0, err
	}
	last := firsts[len(firsts)-1]
	c := cursorAt(filepath.Join(dir, logDir), position{segment: last}, last)
	defer c.close()
	for err == nil {
		_, err = c.read()
	}
	if err == io.EOF || errors.Is(err, errTorn) {
		err = nil
	}
	return c.next, err
}

// readOrWait yields an entry, or waits a moment for one that is being written;
// false ends the reading.
func readOrWait(ctx context.Context, c *cursor, keys *seal.Keyring, follow bool, yield func(Entry, error) bool) bool {
	e, err := openNext(c, keys)
	if err == nil {
		return yield(e, nil)
	}
	if err != io.EOF && !errors.Is(err, errTorn) {
		yield(Entry{}, readError(c.next, err))
		return false
	}
	if !follow {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pollEvery):
		return true
	}
}
