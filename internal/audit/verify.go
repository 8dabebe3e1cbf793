package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"cloister/internal/seal"
)

// VerifyOptions says which log to verify, and against what.
type VerifyOptions struct {
	Dir        string            // the node's data directory; the log is in Dir/audit
	Keys       *seal.Keyring     // optional: with it every record is opened, too
	Checkpoint []byte            // optional: a checkpoint that was kept elsewhere
	Progress   func(bytes int64) // optional: told now and then how much has been read
}

// Verify reads the whole log and recomputes everything. It needs neither the
// store nor, for integrity, the root key. On the directory of a running node it
// judges what the last durable checkpoint covers. The error wraps ErrTampered
// when there are problems; the report then says which.
func Verify(ctx context.Context, opts VerifyOptions) (*Report, error) {
	v := &verification{opts: opts, dir: filepath.Join(opts.Dir, logDir)}
	v.report = Report{Checkpoint: -1, Outside: -1, Opened: opts.Keys != nil}
	if err := v.run(ctx); err != nil {
		return nil, err
	}
	return &v.report, v.report.err()
}

// verification is one run of Verify.
type verification struct {
	opts     VerifyOptions
	dir      string
	report   Report
	verifier note.Verifier // nil when verifier.pub is not to be used
	own      *checkpoint   // nil when the log's own is missing or not valid
	outside  *checkpoint   // nil when none was given
	firsts   []int64       // segments
	tree     frontier
}

func (v *verification) run(ctx context.Context) (err error) {
	if _, err := os.Stat(v.dir); err != nil {
		return fmt.Errorf("audit: no audit log: %w; give the node's data directory with --data", err)
	}
	if v.report.Live, err = inUse(v.dir); err != nil {
		return err
	}
	for _, step := range []func() error{v.loadVerifier, v.loadOwn, v.loadOutside, v.listSegments} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := v.walk(ctx); err != nil {
		return err
	}
	v.judgeEnd()
	v.report.Size, v.report.Root = v.tree.size, encodeHash(v.tree.root())
	return nil
}

// inUse says whether a node holds the log.
func inUse(dir string) (bool, error) {
	f, err := takeLock(dir, os.O_RDONLY, syscall.LOCK_SH)
	switch {
	case err == nil:
		return false, f.Close()
	case errors.Is(err, errInUse):
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, err
}

// loadVerifier reads the log's public key, and compares it with the root key's.
func (v *verification) loadVerifier() error {
	public, err := os.ReadFile(filepath.Join(v.dir, verifierFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	verifier, err := note.NewVerifier(strings.TrimSuffix(string(public), "\n"))
	if err != nil {
		v.report.problem(Unsigned, verifierFile, -1, "%s is missing or holds no key, so checkpoints cannot be checked: %s", verifierFile, nextEvidence)
		return nil
	}
	v.verifier, v.report.Origin = verifier, verifier.Name()
	return v.compareKeys(string(public))
}

func (v *verification) compareKeys(public string) error {
	if v.opts.Keys == nil {
		return nil
	}
	node, err := nodeOf(v.verifier)
	if err != nil {
		v.report.problem(Unsigned, verifierFile, -1, "%v: %s", err, nextEvidence)
		return nil
	}
	id, err := newIdentity(node, v.opts.Keys)
	if err != nil {
		return err
	}
	if id.public+"\n" != public {
		v.report.problem(Resigned, verifierFile, -1, "%s is not the key that belongs to this root key: the log was signed with another key: %s", verifierFile, nextEvidence)
	}
	return nil
}

// loadOwn reads the checkpoint that the log keeps for itself.
func (v *verification) loadOwn() error {
	signed, err := os.ReadFile(filepath.Join(v.dir, checkpointFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	if v.verifier == nil {
		return nil
	}
	if err == nil {
		v.own, err = openCheckpoint(signed, v.verifier)
	}
	if err != nil {
		v.own = nil
		v.ownMissing(err)
		return nil
	}
	v.report.Checkpoint = v.own.size
	return nil
}

// ownMissing judges a log without a valid checkpoint: only one that never held
// anything may lack it.
func (v *verification) ownMissing(err error) {
	firsts, _ := segments(v.dir)
	if len(firsts) == 0 && errors.Is(err, fs.ErrNotExist) {
		v.report.Notes = append(v.report.Notes, "the log has never been written to")
		return
	}
	v.report.problem(Unsigned, checkpointFile, -1, "the log's own checkpoint is missing or not signed by its key (%v): %s", err, nextEvidence)
}

// loadOutside reads the checkpoint that was kept elsewhere. Whoever kept it
// trusts it, so it counts even if this log's key did not sign it.
func (v *verification) loadOutside() error {
	if v.opts.Checkpoint == nil {
		return nil
	}
	text, signedByUs, err := v.openOutside()
	if err != nil {
		return err
	}
	c, err := parseCheckpoint(text)
	if err != nil {
		return fmt.Errorf("audit: the checkpoint given: %w; give a copy of the file audit/checkpoint in the node's data directory, taken earlier", err)
	}
	v.outside, v.report.Outside = c, c.size
	if v.verifier == nil || signedByUs {
		return nil
	}
	if c.origin != v.verifier.Name() {
		v.report.problem(Foreign, "", -1, "the checkpoint kept elsewhere is of %.80q and this log says it is %q: give this log's checkpoint, or, if it is, the log was replaced: %s", c.origin, v.verifier.Name(), nextEvidence)
		return nil
	}
	v.report.problem(Resigned, verifierFile, -1, "the checkpoint kept elsewhere is not signed by the key in %s: the log was rewritten and signed with another key, or the checkpoint was changed: %s", verifierFile, nextEvidence)
	return nil
}

// openOutside returns the text of the note and whether this log's key signed it.
func (v *verification) openOutside() (text string, signedByUs bool, err error) {
	var known note.Verifiers
	if v.verifier != nil {
		known = note.VerifierList(v.verifier)
	}
	n, err := note.Open(v.opts.Checkpoint, known)
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case err == nil:
		return n.Text, true, nil
	case errors.As(err, &unverified):
		return unverified.Note.Text, false, nil
	case errors.As(err, &invalid):
		text, _, _ := strings.Cut(string(v.opts.Checkpoint), "\n\n")
		return text + "\n", false, nil
	}
	return "", false, fmt.Errorf("audit: the checkpoint given is no signed note: %w; give a copy of the file audit/checkpoint in the node's data directory, taken earlier", err)
}

func (v *verification) listSegments() (err error) {
	v.firsts, err = segments(v.dir)
	v.report.Segments = len(v.firsts)
	return err
}

// covered is the size of the log that checkpoints vouch for.
func (v *verification) covered() (size int64) {
	for _, c := range []*checkpoint{v.own, v.outside} {
		if c != nil {
			size = max(size, c.size)
		}
	}
	return size
}

// walk reads every entry and adds it to the tree.
func (v *verification) walk(ctx context.Context) error {
	c := cursorAt(v.dir, position{}, 0)
	defer c.close()
	for read := int64(0); ; {
		v.compare(c.at)
		if v.report.Live && v.tree.size >= v.covered() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		before := c.at
		e, err := c.read()
		if err == io.EOF || errors.Is(err, errTorn) {
			v.endOfWalk(c, err)
			return nil
		}
		if err != nil {
			return err
		}
		if v.tree.size >= v.covered() && !e.fits(v.tree.size) {
			v.noteUnfinished(segmentName(c.at.segment), before)
			return nil
		}
		v.judge(e, segmentName(c.at.segment))
		v.tree.add(tlog.RecordHash(e.sealed), nil)
		if read += e.size(); v.opts.Progress != nil && v.tree.size%4096 == 0 {
			v.opts.Progress(read)
		}
	}
}

// judge looks at one entry by itself.
func (v *verification) judge(e *rawEntry, segment string) {
	place := v.tree.size
	switch {
	case e.index != place:
		if !v.report.has(Misplaced) { // all that follow are off, too
			v.report.problem(Misplaced, segment, place, "in %s, where record %d belongs, lies record %d: records were reordered, repeated or taken out: %s", segment, place, e.index, nextEvidence)
		}
	case !e.whole():
		v.report.problem(Changed, segment, place, "record %d in %s was changed: its bytes are not those that were hashed: %s", place, segment, nextEvidence)
	case v.opts.Keys != nil:
		if _, err := openRecord(v.opts.Keys, e); err != nil {
			v.report.problem(Forged, segment, place, "record %d in %s was not sealed for its place under this root key: it was forged or moved: %s", place, segment, nextEvidence)
		}
	}
}

// compare looks at a tree that has the size of a checkpoint. Where entries were
// found wrong the root is wrong, too, which is not worth saying again.
func (v *verification) compare(at position) {
	if v.damaged() {
		return
	}
	if c := v.own; c != nil && c.size == v.tree.size {
		v.compareOwn(c, at)
	}
	if c := v.outside; c != nil && c.size == v.tree.size && c.root != v.tree.root() {
		v.report.problem(Rewritten, "", -1, "the first %d records fit together, and are not those of the checkpoint kept elsewhere: the log was rewritten: %s", c.size, nextEvidence)
	}
}

// damaged says whether entries were found wrong by themselves.
func (v *verification) damaged() bool {
	return slices.ContainsFunc([]Kind{Changed, Misplaced, Forged, Damaged}, v.report.has)
}

// compareOwn also says which records differ, since the log's own checkpoint has
// the roots of subtrees.
func (v *verification) compareOwn(c *checkpoint, at position) {
	from, to := int64(0), c.size
	if c.local != nil {
		if f, t, differs := v.tree.differs(&c.local.frontier); differs {
			from, to = f, t
		} else if c.root == v.tree.root() && c.local.at != at && !c.local.at.begins(c.size) {
			v.report.problem(Damaged, segmentName(c.local.at.segment), c.size, "the records lie in other files, or elsewhere in them, than the log's own checkpoint says: %s", nextEvidence)
		}
	}
	if c.root != v.tree.root() {
		v.report.problem(Rewritten, "", from, "records between %d and %d fit together, and are not those of the log's own checkpoint: they were rewritten: %s", from, to-1, nextEvidence)
	}
}

// endOfWalk judges the place at which no more entries can be read.
func (v *verification) endOfWalk(c *cursor, end error) {
	rest, later := v.remaining(c)
	name := segmentName(c.at.segment)
	switch {
	case len(later) > 0:
		v.report.problem(Damaged, name, c.next, "%s ends or is unreadable at byte %d, at record %d, and the log goes on in %s: records are missing between: %s", name, c.at.offset, c.next, segmentName(later[0]), nextEvidence)
	case end != io.EOF && !errors.Is(end, errShort) && c.next < v.covered():
		v.report.problem(Damaged, name, c.next, "%s holds no record at byte %d, where record %d belongs: %s", name, c.at.offset, c.next, nextEvidence)
	case rest > 0 && c.next >= v.covered():
		v.noteUnfinished(name, c.at)
	}
}

// noteUnfinished notes what a crash left behind the last checkpoint.
func (v *verification) noteUnfinished(name string, at position) {
	v.report.Notes = append(v.report.Notes, fmt.Sprintf("%s ends at byte %d with a record that was never finished and that no checkpoint covers; the next start sets it aside", name, at.offset))
}

// remaining is how many bytes follow the cursor in its segment, and which
// segments come after.
func (v *verification) remaining(c *cursor) (rest int64, later []int64) {
	if info, err := os.Stat(c.path(c.at.segment)); err == nil {
		rest = info.Size() - c.at.offset
	}
	for _, first := range v.firsts {
		if first > c.at.segment {
			later = append(later, first)
		}
	}
	return rest, later
}

// judgeEnd compares how far the log reaches with how far it must.
func (v *verification) judgeEnd() {
	if v.report.has(Damaged) {
		return
	}
	last := "the log"
	if len(v.firsts) > 0 {
		last = segmentName(v.firsts[len(v.firsts)-1])
	}
	if c := v.own; c != nil && v.tree.size < c.size {
		v.report.problem(Truncated, last, v.tree.size, "%s ends at record %d, and the log's own checkpoint covers %d: it was truncated: %s", last, v.tree.size, c.size, nextEvidence)
	}
	if c := v.outside; c != nil && v.tree.size < c.size {
		v.report.problem(Truncated, last, v.tree.size, "%s ends at record %d, and the checkpoint kept elsewhere covers %d: it was truncated: %s", last, v.tree.size, c.size, nextEvidence)
	}
}
