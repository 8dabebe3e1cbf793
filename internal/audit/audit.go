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
//     then holds is not known, and a log that guesses is no log.
//
// What does not: records newer than the last checkpoint that left the machine
// can be cut off by whoever controls the machine. Take checkpoints out often.
package audit

import (
	"context"
	"iter"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// Log is the node's own audit log, open for writing. It is safe for concurrent
// use, and one process at a time can hold it.
type Log struct{}

// Open opens the log kept in dir/audit, making it when there is none. Records
// that a crash left in db's outbox are put in the log before it returns, and an
// unfinished end is cut, if no durable checkpoint covers it; a log that no
// longer fits its own checkpoint is refused. db may be nil where nothing is
// ever staged.
func Open(dir string, db *store.DB, keys *seal.Keyring) (*Log, error) { panic("skeleton") }

// Append writes rec to the log: it has been handed to the operating system when
// Append returns, so it survives the death of the process, and it is on disk
// within 100 ms. Fields that are too long are cut. rec is not kept or changed.
func (l *Log) Append(rec *Record) error { panic("skeleton") }

// Stage records rec as part of tx: it goes into the log exactly once if tx
// commits, and before Update returns; otherwise never. A failure to write to the
// file after the commit shows in Healthy, which the caller asks before it answers.
func (l *Log) Stage(tx *store.Tx, rec *Record) error { panic("skeleton") }

// Healthy is nil while the log can be written. After a failed write or fsync it
// is that failure, for good, and nothing may be answered any more.
func (l *Log) Healthy() error { panic("skeleton") }

// Size is the number of records written so far.
func (l *Log) Size() int64 { panic("skeleton") }

// Checkpoint brings everything written so far to disk and returns a signed note
// of it (C2SP tlog-checkpoint): origin "cloister/NODE", size, root hash.
func (l *Log) Checkpoint(ctx context.Context) ([]byte, error) { panic("skeleton") }

// Records yields the records from index from (0 is the first) up to those that
// were written when it was called.
func (l *Log) Records(ctx context.Context, from int64) iter.Seq2[Entry, error] { panic("skeleton") }

// Follow yields the records from index from on, and waits for more until ctx is
// done or the log is closed.
func (l *Log) Follow(ctx context.Context, from int64) iter.Seq2[Entry, error] { panic("skeleton") }

// Close brings everything to disk, under a last checkpoint, and releases the log.
func (l *Log) Close() error { panic("skeleton") }

// VerifyOptions says which log to verify, and against what.
type VerifyOptions struct {
	Dir        string        // the node's data directory; the log is in Dir/audit
	Keys       *seal.Keyring // optional: with it every record is opened, too
	Checkpoint []byte        // optional: a checkpoint that was kept elsewhere
}

// Verify reads the whole log and recomputes everything. It needs neither the
// store nor, for integrity, the root key. On the directory of a running node it
// judges what the last durable checkpoint covers. The error wraps ErrTampered
// when there are problems; the report then says which.
func Verify(ctx context.Context, opts VerifyOptions) (*Report, error) { panic("skeleton") }
