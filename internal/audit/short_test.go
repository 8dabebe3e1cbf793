package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// shortage lets opens fail with err while it is on.
type shortage struct {
	on  atomic.Bool
	err error
	of  string // what the names end in that it concerns
}

func (s *shortage) tuning() tuning {
	how := inTests
	how.refuse = func(name string) error {
		if s.on.Load() && strings.HasSuffix(name, s.of) {
			return &os.PathError{Op: "open", Path: name, Err: s.err}
		}
		return nil
	}
	return how
}

// However long the system has no files, no record and no checkpoint is lost,
// and the log goes on.
func TestAShortageOfFilesPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := must1(os.MkdirTemp("", "audit"))(t)
		defer os.RemoveAll(dir)
		s := &shortage{err: rapid.SampledFrom([]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EINTR, syscall.EAGAIN}).Draw(t, "error")}
		l := must1(open(dir, nil, testKeys(), s.tuning()))(t)
		must0(t, l.Append(call(0)))
		n := 1
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			s.on.Store(rapid.Bool().Draw(t, "short"))
			more := rapid.IntRange(0, 12).Draw(t, "records")
			appendCalls(t, l, n, n+more)
			n += more
			if _, err := l.Checkpoint(context.Background()); s.on.Load() != errors.Is(err, errNoFile) || !s.on.Load() && err != nil {
				t.Fatalf("a checkpoint, short: %t: %v", s.on.Load(), err)
			}
			must0(t, l.flush())
			must0(t, l.Healthy())
		}
		s.on.Store(false)
		outside := must1(l.Checkpoint(context.Background()))(t)
		must0(t, l.Close())
		if report := verifyWhole(t, dir, outside); report.Size != int64(n) {
			t.Fatalf("%d records, not %d", report.Size, n)
		}
	})
}

// A full segment is written on while there is no file for the next.
func TestASegmentIsWrittenOnInAShortage(t *testing.T) {
	dir, s := t.TempDir(), &shortage{err: syscall.EMFILE}
	l := must1(open(dir, nil, testKeys(), s.tuning()))(t)
	must0(t, l.Append(call(0)))
	s.on.Store(true)
	appendCalls(t, l, 1, 30)
	s.on.Store(false)
	appendCalls(t, l, 30, 31)
	must0(t, l.Close())
	if firsts := must1(segments(filepath.Join(dir, logDir)))(t); len(firsts) != 2 || firsts[1] != 30 {
		t.Errorf("segments begin at %v", firsts)
	}
	verifyWhole(t, dir, nil)
}

// The very first record needs a file. Without one it is refused and the log
// stays as it was; what was staged is put in the log later, once.
func TestTheFirstRecordInAShortage(t *testing.T) {
	s := &shortage{err: syscall.EMFILE, of: segmentSuffix}
	h := openStoreOnly(t, t.TempDir(), testKeys())
	h.log = must1(open(h.dir, h.db, h.keys, s.tuning()))(t)
	s.on.Store(true)
	if err := h.log.Append(call(1)); !errors.Is(err, errNoFile) || !errors.Is(err, syscall.EMFILE) {
		t.Errorf("the first record: %v", err)
	}
	must0(t, h.change(2, nil))
	must0(t, h.log.Healthy())
	if h.log.Size() != 0 {
		t.Errorf("%d records", h.log.Size())
	}
	s.on.Store(false)
	must0(t, h.log.Append(call(3)))
	for range 2 {
		must0(t, h.log.moveStrays(context.Background(), 0))
	}
	h.close()
	found := requestIDs(readAll(t, h.dir))
	if found[call(1).RequestID] != 0 || found[call(2).RequestID] != 1 || found[call(3).RequestID] != 1 {
		t.Errorf("the log has %v", found)
	}
	verifyWhole(t, h.dir, nil)
}

// An open that fails for another reason says that the disk is not well.
func TestAnOpenThatTheDiskRefusesIsTheEnd(t *testing.T) {
	for _, err := range []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
		s := &shortage{err: err}
		l := must1(open(t.TempDir(), nil, testKeys(), s.tuning()))(t)
		s.on.Store(true)
		if got := l.Append(call(0)); !errors.Is(got, err) || !errors.Is(l.Healthy(), err) {
			t.Errorf("%v: %v, and the log says %v", err, got, l.Healthy())
		}
		if err := l.Close(); err == nil {
			t.Error("it closes as if nothing were wrong")
		}
	}
}
