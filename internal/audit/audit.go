// Package audit keeps the node's log of everything that was asked and what was
// answered, and makes it evident when that log is touched afterwards.
//
// What holds:
//   - A record whose Append has returned survives the death of the process, and
//     is on disk within 100 ms. A record staged in a transaction is in the log
//     exactly once if, and only if, that transaction committed.
//   - Records are sealed, and bound to their place in the log. The sealed bytes
//     are the leaves of an RFC 6962 Merkle tree, so integrity is verified without
//     the root key, and with it the records open too.
//   - A checkpoint is a signed note over the size and root of the tree. Against
//     one kept outside, any change, reordering, cut or rewriting of the records
//     that it covers is detected, even by someone who holds the root key.
//   - After a failed write or fsync nothing is accepted any more: what the disk
//     then holds is not known, and a log that guesses is no log. A file that
//     could not be opened, for want of descriptors or memory, is tried again.
//
// What does not: records newer than the last checkpoint that left the machine
// can be cut off by whoever controls the machine. Take checkpoints out often.
package audit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// logDir is the log's place in the node's data directory.
const logDir = "audit"

// tuning is what tests do otherwise.
type tuning struct {
	segmentBytes    int64         // size at which a new segment is begun
	syncDelay       time.Duration // from a write to its fsync; both fit in 100 ms
	checkpointEvery time.Duration // at most, while there is something to write
	wrap            func(output) output
	refuse          func(name string) error // lets an open fail; nil in earnest, as wrap is
}

var usual = tuning{segmentBytes: 64 << 20, syncDelay: 50 * time.Millisecond, checkpointEvery: time.Second}

// Log is the node's own audit log, open for writing. It is safe for concurrent
// use, and one process at a time can hold it.
type Log struct {
	disk     *disk
	keys     *seal.Keyring
	db       *store.DB // nil when nothing is staged
	id       *identity
	how      tuning
	recovery Recovery

	failure atomic.Pointer[error] // the first failed write or fsync
	size    atomic.Int64          // records that readers may read
	grown   bell
	claims  claims

	// queueMu is held for moments, to join the batch that is being gathered.
	queueMu   sync.Mutex
	gathering *batch

	// writeMu is held while a batch is written. It comes before queueMu.
	writeMu sync.Mutex
	out     output   // the segment that is being written, nil before the first
	full    []output // segments that are full, not yet synced and closed
	newName bool     // a segment was made whose name is not on disk yet
	at      position // where the next entry goes
	tree    frontier
	buf     []byte
	sealed  []byte // the record that is being put into buf

	// syncMu is held while the log is brought to disk. It comes before writeMu.
	syncMu  sync.Mutex
	synced  mark
	settled time.Time // of the last local checkpoint

	dirty     chan struct{} // holds one when something was written since run last looked
	closing   chan struct{}
	stopped   chan struct{}
	closeOnce sync.Once
	closeErr  error
}

// Open opens the log kept in dir/audit, making it when there is none. Records
// that a crash left in db's outbox are put in the log before it returns, and an
// unfinished end is cut, if no durable checkpoint covers it; a log that no
// longer fits its own checkpoint is refused. db may be nil where nothing is
// ever staged; it must stay open until the log is closed.
func Open(dir string, db *store.DB, keys *seal.Keyring) (*Log, error) {
	return open(dir, db, keys, usual)
}

func open(dir string, db *store.DB, keys *seal.Keyring, how tuning) (*Log, error) {
	d, err := openDisk(filepath.Join(dir, logDir), how)
	if err != nil {
		return nil, err
	}
	l := &Log{
		disk: d, keys: keys, db: db, how: how, gathering: new(batch),
		claims: claims{places: map[uint64]int64{}, strays: map[uint64]bool{}},
		dirty:  make(chan struct{}, 1), closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := l.start(context.Background()); err != nil {
		l.closeFiles()
		return nil, err
	}
	return l, nil
}

// start brings the log from what is on disk to where it can be written.
func (l *Log) start(ctx context.Context) (err error) {
	if l.id, err = loadIdentity(l.disk, l.keys); err != nil {
		return err
	}
	if err := l.missed(ctx); err != nil {
		return err
	}
	from, err := l.loadResume()
	if err != nil {
		return err
	}
	head, err := l.savedHead(ctx)
	if err != nil {
		return err
	}
	if err := l.recoverTail(from, head); err != nil {
		return err
	}
	if err := l.forgotten(ctx, from, head); err != nil {
		return err
	}
	if l.at.offset > 0 {
		if l.out, err = l.disk.reopen(l.at.segment); err != nil {
			return fmt.Errorf("audit: segment of the log: %w", err)
		}
	}
	l.size.Store(l.tree.size)
	if err := l.replay(ctx); err != nil {
		return err
	}
	go l.run()
	return nil
}

// Append writes rec to the log: it has been handed to the operating system when
// Append returns, so it survives the death of the process, and it is on disk
// within 100 ms. Fields that are too long are cut. rec is not kept or changed.
func (l *Log) Append(rec *Record) error {
	if err := l.Healthy(); err != nil {
		return err
	}
	room := records.Get().(*[usualRecord]byte)
	defer records.Put(room) // push is done with it
	return l.push(pending{record: encodeIn(room[:0], rec, 0)})
}

var records = sync.Pool{New: func() any { return new([usualRecord]byte) }}

// Healthy is nil while the log can be written. After a failed write or fsync it
// is that failure, for good, and nothing may be answered any more.
func (l *Log) Healthy() error {
	if err := l.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Size is the number of records written so far.
func (l *Log) Size() int64 { return l.size.Load() }

// Origin names the log in checkpoints: "cloister/NODE".
func (l *Log) Origin() string { return l.id.Name() }

// Recovery is what Open found beyond the last durable checkpoint.
func (l *Log) Recovery() Recovery { return l.recovery }

// Checkpoint brings everything written so far to disk and returns a signed note
// of it (C2SP tlog-checkpoint): origin "cloister/NODE", size, root hash.
func (l *Log) Checkpoint(ctx context.Context) ([]byte, error) {
	c, err := l.settle(ctx)
	if err != nil {
		return nil, err
	}
	c.local = nil
	return l.id.sign(c)
}

var errClosed = errors.New("audit: the log is closed")

// Close brings everything to disk, under a last checkpoint, and releases the log.
func (l *Log) Close() error {
	l.closeOnce.Do(func() { l.closeErr = l.shut() })
	return l.closeErr
}

func (l *Log) shut() error {
	close(l.closing)
	<-l.stopped
	_, err := l.settle(context.Background())
	l.failure.CompareAndSwap(nil, &errClosed)
	l.grown.ring()
	return errors.Join(err, l.closeFiles())
}

func (l *Log) closeFiles() error {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	var errs []error
	for _, out := range append(l.full, l.out) {
		if out != nil {
			errs = append(errs, out.Close())
		}
	}
	return errors.Join(append(errs, l.disk.close())...)
}
