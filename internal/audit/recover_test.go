package audit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOpenRefusesATamperedLog(t *testing.T) {
	other := otherKeys(t)
	for name, attack := range map[string]func(dir string){
		"cut within a covered record": func(dir string) {
			edit(t, dir, lastSegment(t, dir), func(b []byte) []byte { return b[:len(b)-3] })
		},
		"last segment removed":   func(dir string) { must0(t, os.Remove(logFile(dir, lastSegment(t, dir)))) },
		"checkpoint removed":     func(dir string) { must0(t, os.Remove(logFile(dir, checkpointFile))) },
		"public key removed":     func(dir string) { must0(t, os.Remove(logFile(dir, verifierFile))) },
		"public key is none":     func(dir string) { must0(t, os.WriteFile(logFile(dir, verifierFile), []byte("key"), 0o600)) },
		"another's public key":   func(dir string) { forge(t, dir).sign(other) },
		"checkpoint is none":     func(dir string) { must0(t, os.WriteFile(logFile(dir, checkpointFile), []byte("x"), 0o600)) },
		"checkpoint changed":     func(dir string) { edit(t, dir, checkpointFile, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }) },
		"a handed-out one there": func(dir string) { must0(t, os.WriteFile(logFile(dir, checkpointFile), makeLog(t, dir, 0), 0o600)) },
		"a forged record behind": func(dir string) { appendForged(t, dir, other.Seal(sealTable, indexKey(30), []byte("x"))) },
		"a moved record behind":  func(dir string) { appendForged(t, dir, forge(t, dir).records[3]) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			outside := makeLog(t, dir, 30)
			attack(dir)
			if _, err := Open(dir, nil, testKeys()); !errors.Is(err, ErrTampered) {
				t.Errorf("Open: %v", err)
			}
			if _, err := open(dir, nil, testKeys(), inTests); errors.Is(err, errInUse) {
				t.Errorf("a refused Open still holds the log")
			}
			if name != "a handed-out one there" {
				findTampering(t, VerifyOptions{Dir: dir, Keys: testKeys(), Checkpoint: outside})
			}
		})
	}
}

// appendForged puts an entry behind record 29 whose length, index and hash are right.
func appendForged(t tester, dir string, sealed []byte) {
	edit(t, dir, lastSegment(t, dir), func(b []byte) []byte { return append(b, forgedEntry(30, sealed)...) })
}

// What a crash leaves behind the last checkpoint is set aside, whatever it is.
func TestOpenCutsAnUnfinishedEnd(t *testing.T) {
	sealed := testKeys().Seal(sealTable, indexKey(30), encode(call(30), 0))
	whole := forgedEntry(30, sealed)
	torn := append(append([]byte(nil), whole[:len(whole)-1]...), whole[len(whole)-1]^1)
	for name, c := range map[string]struct {
		tail []byte
		kept int64
	}{
		"nothing":                  {nil, 0},
		"one byte":                 {whole[:1], 0},
		"most of a record":         {whole[:len(whole)-1], 0},
		"a record and some":        {append(append([]byte(nil), whole...), whole[:9]...), 1},
		"zeros":                    {make([]byte, 5000), 0},
		"a record of another page": {torn, 0},
		"a record of long ago":     {forgedEntry(3, sealed), 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			outside := makeLog(t, dir, 30)
			edit(t, dir, lastSegment(t, dir), func(b []byte) []byte { return append(b, c.tail...) })
			verifyWhole(t, dir, outside)
			l := openLog(t, dir)
			want := Recovery{Records: c.kept, Cut: int64(len(c.tail)) - c.kept*int64(len(whole))}
			if l.Recovery() != want || l.Size() != 30+c.kept {
				t.Errorf("recovered %+v to %d records, want %+v", l.Recovery(), l.Size(), want)
			}
			if aside := must1(filepath.Glob(logFile(dir, "*"+cutSuffix)))(t); len(aside) != min(1, int(want.Cut)) {
				t.Errorf("set aside: %v", aside)
			}
			appendCalls(t, l, 31, 40)
			must0(t, l.Close())
			if r := verifyWhole(t, dir, outside); len(r.Notes) != 0 {
				t.Errorf("after recovery Verify notes %q", r.Notes)
			}
		})
	}
}

// A new segment may reach the disk before the end of the one before it.
func TestOpenSetsAsideSegmentsBehindATear(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	appendCalls(t, l, 0, 3)
	outside := must1(l.Checkpoint(t.Context()))(t)
	kept := must1(os.ReadFile(logFile(dir, checkpointFile)))(t)
	appendCalls(t, l, 3, 30)
	must0(t, l.Close())
	must0(t, os.WriteFile(logFile(dir, checkpointFile), kept, 0o600))
	edit(t, dir, segmentName(0), func(b []byte) []byte { return b[:len(b)-1] })
	l = openLog(t, dir)
	if l.Size() < 3 || l.Size() > 5 || l.Recovery().Cut == 0 {
		t.Errorf("recovered %+v to %d records", l.Recovery(), l.Size())
	}
	appendCalls(t, l, 100, 120)
	must0(t, l.Close())
	verifyWhole(t, dir, outside)
}

// An orderly stop leaves nothing to read at the next start, however long the
// log: Open looks behind the last checkpoint, and only there.
func TestOpenReadsOnlyBehindTheLastCheckpoint(t *testing.T) {
	dir := t.TempDir()
	makeLog(t, dir, 30)
	unreadable := func(b []byte) []byte { return make([]byte, len(b)) }
	for _, first := range must1(segments(filepath.Join(dir, logDir)))(t) {
		edit(t, dir, segmentName(first), unreadable)
	}
	l := openLog(t, dir)
	if l.Size() != 30 || l.Recovery() != (Recovery{}) {
		t.Errorf("recovered %+v to %d records", l.Recovery(), l.Size())
	}
	must0(t, l.Close())
	findTampering(t, VerifyOptions{Dir: dir})
}
