package audit

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// batch is what is written with one write(2): the records of whoever came while
// the batch before it was being written.
type batch struct {
	records []pending
	written bool // guarded by Log.writeMu, like err
	err     error
}

// pending is a record to be written: encoded, not yet sealed.
type pending struct {
	record []byte
	seq    uint64 // the outbox's, 0 when it was not staged
}

// push writes a record. Callers that come at the
// same time share a write: the first to get writeMu writes for all.
func (l *Log) push(p pending) error {
	b := l.enqueue(p)
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if !b.written {
		l.write(l.take())
	}
	return b.err
}

// enqueue adds a record to the batch that is being gathered.
func (l *Log) enqueue(p pending) *batch {
	l.queueMu.Lock()
	defer l.queueMu.Unlock()
	l.gathering.records = append(l.gathering.records, p)
	return l.gathering
}

// take ends the gathering of a batch. writeMu is held, so a batch that is not
// written is the one that is being gathered.
func (l *Log) take() *batch {
	l.queueMu.Lock()
	defer l.queueMu.Unlock()
	b := l.gathering
	l.gathering = new(batch)
	return b
}

// write writes a batch. writeMu is held.
func (l *Log) write(b *batch) {
	b.written = true
	first := l.tree.size
	if b.err = l.Healthy(); b.err != nil {
		return
	}
	if err := l.writeEntries(b.records); errors.Is(err, errNoFile) {
		b.err = fmt.Errorf("audit: begin the log: %w", err) // nothing was written
		return
	} else if err != nil {
		b.err = l.poison(fmt.Errorf("audit: write to the log: %w", err))
		return
	}
	l.claims.placeAll(b.records, first)
	l.size.Store(l.tree.size)
	l.grown.ring()
	select {
	case l.dirty <- struct{}{}:
	default:
	}
}

// writeEntries seals the records at their places and hands them to the
// operating system.
func (l *Log) writeEntries(records []pending) error {
	if err := l.rotate(); err != nil {
		return err
	}
	l.buf = l.buf[:0]
	for _, p := range records {
		l.sealed = l.keys.AppendSeal(l.sealed[:0], sealTable, indexKey(l.tree.size), p.record)
		leaf := tlog.RecordHash(l.sealed)
		l.buf = appendEntry(l.buf, l.tree.size, leaf, l.sealed)
		l.tree.add(leaf, nil)
	}
	n, err := l.out.Write(l.buf)
	l.at.offset += int64(n)
	return err
}

// rotate begins a new segment when there is none or the present one is full.
// The full one is synced and closed by the next flush; while the system has no
// file for a new one it is written on.
func (l *Log) rotate() error {
	if l.out != nil && l.at.offset < l.how.segmentBytes {
		return nil
	}
	out, err := l.disk.create(l.tree.size)
	if errors.Is(err, errNoFile) && l.out != nil {
		return nil
	}
	if err != nil {
		return err
	}
	if l.out != nil {
		l.full = append(l.full, l.out)
	}
	l.out, l.newName = out, true
	l.at = position{segment: l.tree.size, offset: int64(len(segmentHeader))}
	return nil
}
