package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

var errDisk = errors.New("the disk said no")

// brokenDisk breaks the output of a log from its n-th write or fsync on.
type brokenDisk struct {
	effect string
	after  int

	mu     sync.Mutex
	writes int
	syncs  int
}

type brokenFile struct {
	output
	disk *brokenDisk
}

func (d *brokenDisk) wrap(out output) output { return &brokenFile{out, d} }

func (d *brokenDisk) count(n *int) (broken bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*n++
	return *n > d.after
}

func (f *brokenFile) Write(b []byte) (int, error) {
	broken := f.disk.count(&f.disk.writes)
	if !broken || f.disk.effect == "not synced" {
		return f.output.Write(b)
	}
	switch f.disk.effect {
	case "written, yet failed":
		n, err := f.output.Write(b)
		return n, errors.Join(err, errDisk)
	case "written in part":
		n, err := f.output.Write(b[:len(b)/2])
		return n, errors.Join(err, errDisk)
	}
	return 0, errDisk
}

func (f *brokenFile) Sync() error {
	if f.disk.count(&f.disk.syncs) && f.disk.effect == "not synced" {
		return errDisk
	}
	return nil // this disk keeps what it was given
}

// After the first failure nothing is taken any more, and what was taken before
// is in the log when it is opened again.
func TestAFailedWriteOrSyncIsTheEnd(t *testing.T) {
	for _, effect := range []string{"not written", "written, yet failed", "written in part", "not synced"} {
		t.Run(effect, func(t *testing.T) {
			for after := range 14 {
				breakLog(t, t.TempDir(), &brokenDisk{effect: effect, after: after})
			}
		})
	}
}

func breakLog(t *testing.T, dir string, d *brokenDisk) {
	acknowledged := 0
	l, err := open(dir, nil, testKeys(), broken(d.wrap))
	if err == nil {
		acknowledged = appendUntilBroken(t, l)
		expectBroken(t, l)
	} else if !errors.Is(err, errDisk) {
		t.Fatalf("Open on a broken disk: %v", err)
	}
	must0(t, openLog(t, dir).Close())
	verifyWhole(t, dir, nil)
	found := requestIDs(readAll(t, dir))
	for n := range acknowledged {
		if found[call(n).RequestID] != 1 {
			t.Fatalf("record %d was acknowledged and is in the log %d times", n, found[call(n).RequestID])
		}
	}
}

// expectBroken looks whether a log that failed once does anything any more.
func expectBroken(t *testing.T, l *Log) {
	if l.Healthy() == nil || !errors.Is(l.Append(call(99)), errDisk) {
		t.Fatalf("after the failure the log says %v", l.Healthy())
	}
	if _, err := l.Checkpoint(context.Background()); !errors.Is(err, errDisk) {
		t.Fatalf("a checkpoint after the failure: %v", err)
	}
	if err := l.Close(); !errors.Is(err, errDisk) {
		t.Fatalf("Close after the failure: %v", err)
	}
}

// appendUntilBroken returns how many records were taken.
func appendUntilBroken(t *testing.T, l *Log) int {
	for n := range 100 {
		if err := l.Append(call(n)); err != nil {
			if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "start the node again") {
				t.Fatalf("the failure reads %q", err)
			}
			return n
		}
		if n%3 == 0 {
			l.flush() // its failure shows in the next Append
		}
	}
	t.Fatalf("the disk never broke")
	return 0
}

// volatileDisk remembers how much of each file is on disk.
type volatileDisk struct {
	mu     sync.Mutex
	synced map[string]int64
}

type volatileFile struct {
	*os.File
	disk *volatileDisk
}

func (d *volatileDisk) wrap(out output) output { return &volatileFile{out.(*os.File), d} }

func (f *volatileFile) Sync() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.synced[filepath.Base(f.Name())] = info.Size()
	return nil
}

// losePower keeps of each segment what was synced, and of the rest some of its
// pages: the others were never written and read as zeros.
func (d *volatileDisk) losePower(t *rapid.T, dir string) {
	for _, first := range must1(segments(filepath.Join(dir, logDir)))(t) {
		name := segmentName(first)
		edit(t, dir, name, func(b []byte) []byte {
			safe := int(d.synced[name])
			end := rapid.IntRange(safe, len(b)).Draw(t, "length of "+name)
			for page := safe; page < end; page += 512 {
				if rapid.Bool().Draw(t, fmt.Sprint("lost page of ", name)) {
					clear(b[page:min(page+512, end)])
				}
			}
			return b[:end]
		})
	}
}

// Whatever of the unsynced bytes a power failure leaves, the log opens, and
// holds all that was on disk: also what a process wrote that was killed.
func TestAPowerFailureLosesOnlyWhatWasNotSynced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		work := must1(os.MkdirTemp("", "audit"))(t)
		defer os.RemoveAll(work)
		running, dir := filepath.Join(work, "running"), filepath.Join(work, "after")
		d := &volatileDisk{synced: map[string]int64{}}
		for range rapid.IntRange(0, 2).Draw(t, "kills") {
			l := must1(open(running, nil, testKeys(), broken(d.wrap)))(t)
			appendCalls(t, l, 0, rapid.IntRange(0, 9).Draw(t, "written"))
			kill(t, l)
		}
		l := must1(open(running, nil, testKeys(), broken(d.wrap)))(t)
		appendCalls(t, l, 0, rapid.IntRange(0, 9).Draw(t, "checkpointed"))
		outside := must1(l.Checkpoint(context.Background()))(t)
		appendCalls(t, l, 100, 100+rapid.IntRange(0, 9).Draw(t, "synced"))
		must0(t, l.flush())
		safe := l.Size()
		d.mu.Lock() // nothing more reaches the disk
		appendCalls(t, l, 200, 200+rapid.IntRange(0, 9).Draw(t, "not synced"))
		copyDir(t, running, dir)
		d.losePower(t, dir)
		d.mu.Unlock()
		must0(t, l.Close())
		checkAfterPowerFailure(t, dir, outside, safe)
	})
}

// kill leaves the log as a process that dies would: what was written is written,
// and nothing is settled.
func kill(t tester, l *Log) {
	close(l.closing)
	<-l.stopped
	must0(t, l.closeFiles())
}

func checkAfterPowerFailure(t *rapid.T, dir string, outside []byte, safe int64) {
	l := openLog(t, dir)
	if l.Size() < safe {
		t.Fatalf("%d records were on disk and %d came back", safe, l.Size())
	}
	appendCalls(t, l, 300, 303)
	must0(t, l.Close())
	verifyWhole(t, dir, outside)
}
