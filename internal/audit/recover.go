package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// tampered is an error for a log that cannot be opened as it is.
func tampered(format string, args ...any) error {
	return fmt.Errorf("audit: %w: "+format+"; `cloister audit verify` says more, and the node starts only on a whole log: "+
		"keep this directory as evidence and restore the log from a copy", append([]any{ErrTampered}, args...)...)
}

// loadIdentity is the identity of the log in the directory, made when the
// directory is new.
func loadIdentity(d *disk, keys *seal.Keyring) (*identity, error) {
	public, err := os.ReadFile(filepath.Join(d.dir, verifierFile))
	if errors.Is(err, fs.ErrNotExist) {
		return makeIdentity(d, keys)
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %s: %w", verifierFile, err)
	}
	v, err := note.NewVerifier(strings.TrimSuffix(string(public), "\n"))
	if err != nil {
		return nil, tampered("%s holds no key", verifierFile)
	}
	node, err := nodeOf(v)
	if err != nil {
		return nil, tampered("%w", err)
	}
	id, err := newIdentity(node, keys)
	if err != nil {
		return nil, err
	}
	if id.public+"\n" != string(public) {
		return nil, tampered("%s is not the key that belongs to this root key", verifierFile)
	}
	return id, nil
}

// makeIdentity begins a new log.
func makeIdentity(d *disk, keys *seal.Keyring) (*identity, error) {
	if err := hasNoRecords(d, verifierFile); err != nil {
		return nil, err
	}
	id, err := newIdentity(newNodeID(), keys)
	if err != nil {
		return nil, err
	}
	if err := d.replace(verifierFile, []byte(id.public+"\n")); err != nil {
		return nil, fmt.Errorf("audit: write %s: %w", verifierFile, err)
	}
	return id, nil
}

// missed is an error when the state remembers a log and this one, that has just
// begun, is not it. Where nodes share their state, it may be another's.
func (l *Log) missed(ctx context.Context) error {
	if l.db == nil || l.db.Shared() {
		return nil
	}
	return l.db.View(ctx, func(r store.Reader) error {
		for item, err := range heads.Scan(r, store.K(), nil) {
			if err != nil {
				return fmt.Errorf("audit: what the state knows of the log: %w", err)
			}
			if node, _ := item.Key[0].(string); node != l.id.node {
				return tampered("the log of this directory is gone, and another was begun in its place")
			}
		}
		return nil
	})
}

// hasNoRecords is nil when a file may be missing, since nothing was ever written.
func hasNoRecords(d *disk, missing string) error {
	firsts, err := segments(d.dir)
	if err == nil && len(firsts) > 0 {
		err = tampered("there are records, and %s is missing", missing)
	}
	return err
}

// loadResume is the state that the last durable checkpoint left.
func (l *Log) loadResume() (*resume, error) {
	signed, err := os.ReadFile(filepath.Join(l.disk.dir, checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return l.makeResume()
	}
	if err != nil {
		return nil, fmt.Errorf("audit: checkpoint: %w", err)
	}
	c, err := openCheckpoint(signed, l.id.verifier)
	if err != nil {
		return nil, tampered("its checkpoint: %w", err)
	}
	if c.local == nil || c.local.frontier.root() != c.root {
		return nil, tampered("its checkpoint lacks what this log writes in it")
	}
	return c.local, nil
}

// makeResume begins with a checkpoint of nothing, so that records without a
// checkpoint are never what a crash left.
func (l *Log) makeResume() (*resume, error) {
	if err := hasNoRecords(l.disk, checkpointFile); err != nil {
		return nil, err
	}
	return &resume{}, l.saveCheckpoint(l.checkpointOf(mark{}))
}

// Recovery is what Open found beyond the last durable checkpoint.
type Recovery struct {
	Records int64 // whole records that were there; 0 after an orderly stop
	Cut     int64 // bytes of an unfinished end, set aside in files named *.cut
}

// recoverTail goes on from the last checkpoint to the end of the files, and cuts
// off what is no whole record.
func (l *Log) recoverTail(from *resume, head []byte) error {
	if err := l.checkCovered(from.at); err != nil {
		return err
	}
	known, err := l.openHead(head)
	if err != nil {
		return err
	}
	l.tree = from.frontier
	c := cursorAt(l.disk.dir, from.at, from.frontier.size)
	defer c.close()
	if err := l.readTail(c, known); err != nil {
		return err
	}
	l.at = c.at
	l.recovery.Records = l.tree.size - from.frontier.size
	if known != nil && l.tree.size < known.size {
		return tampered("it ends at record %d, and the store knows of a checkpoint of %d", l.tree.size, known.size)
	}
	if l.recovery.Cut, err = l.disk.cut(c.at); err != nil || l.recovery.Records == 0 {
		return err
	}
	return l.syncTail(from.at.segment)
}

// syncTail brings to disk what a process that died had only written: the next
// checkpoint covers it.
func (l *Log) syncTail(from int64) error {
	firsts, err := segments(l.disk.dir)
	if err != nil {
		return err
	}
	for _, first := range firsts {
		if first < from {
			continue
		}
		if err := l.disk.syncSegment(first); err != nil {
			return fmt.Errorf("audit: bring the log to disk: %w", err)
		}
	}
	return l.disk.sync()
}

// checkCovered looks whether the files reach as far as the checkpoint says.
func (l *Log) checkCovered(at position) error {
	if at.offset == 0 {
		return nil
	}
	info, err := os.Stat(filepath.Join(l.disk.dir, segmentName(at.segment)))
	if errors.Is(err, fs.ErrNotExist) {
		return tampered("segment %s is missing", segmentName(at.segment))
	}
	if err != nil {
		return fmt.Errorf("audit: segment of the log: %w", err)
	}
	if info.Size() < at.offset {
		return tampered("segment %s was cut to %d bytes, and the last checkpoint covers %d", segmentName(at.segment), info.Size(), at.offset)
	}
	return nil
}

func (l *Log) openHead(signed []byte) (*checkpoint, error) {
	if signed == nil {
		return nil, nil
	}
	c, err := openCheckpoint(signed, l.id.verifier)
	if err != nil {
		return nil, tampered("the checkpoint kept in the store: %w", err)
	}
	return c, nil
}

// readTail adds the records behind the last checkpoint to the tree. known, if
// any, is a checkpoint that they have to agree with on the way.
func (l *Log) readTail(c *cursor, known *checkpoint) error {
	for {
		if known != nil && l.tree.size == known.size && l.tree.root() != known.root {
			return tampered("its first %d records are not those of the checkpoint kept in the store", known.size)
		}
		before := c.at
		e, err := c.read()
		if err == io.EOF || errors.Is(err, errTorn) {
			return nil
		}
		if err != nil {
			return err
		}
		if !e.fits(l.tree.size) {
			c.at = before
			return nil
		}
		if err := l.recoverRecord(e); err != nil {
			return err
		}
		l.tree.add(e.leaf, nil)
	}
}

// recoverRecord opens a record of the tail, to learn whether it was staged.
func (l *Log) recoverRecord(e *rawEntry) error {
	s, err := openRecord(l.keys, e)
	if err != nil {
		return tampered("record %d: %w", e.index, err)
	}
	if s.Seq != 0 {
		l.claims.place(s.Seq, e.index)
	}
	return nil
}

// replay puts in the log what was committed and is not there.
func (l *Log) replay(ctx context.Context) error {
	if l.db == nil {
		return nil
	}
	return l.moveStrays(ctx, 0)
}

// openRecord opens a sealed record at its place.
func openRecord(keys *seal.Keyring, e *rawEntry) (*stored, error) {
	plain, err := keys.Open(sealTable, indexKey(e.index), e.sealed)
	if err != nil {
		return nil, err
	}
	return decode(plain)
}
