package audit

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"cloister/internal/seal"
)

// A forger rewrites logs with all the means that he has: entries with right
// lengths, indices and hashes, and checkpoints if he holds a root key.
type forger struct {
	t       tester
	dir     string
	records [][]byte // sealed, as they lie in the log
}

// forge takes the log in dir apart.
func forge(t tester, dir string) *forger {
	f := &forger{t: t, dir: dir}
	c := cursorAt(filepath.Join(dir, logDir), position{}, 0)
	defer c.close()
	for {
		e, err := c.read()
		if err != nil {
			return f
		}
		f.records = append(f.records, slices.Clone(e.sealed))
	}
}

// write puts the records in the log, as one segment whose entries are all right.
func (f *forger) write() {
	for _, first := range must1(segments(filepath.Join(f.dir, logDir)))(f.t) {
		must0(f.t, os.Remove(logFile(f.dir, segmentName(first))))
	}
	file := []byte(segmentHeader)
	for i, sealed := range f.records {
		file = appendEntry(file, int64(i), tlog.RecordHash(sealed), sealed)
	}
	must0(f.t, os.WriteFile(logFile(f.dir, segmentName(0)), file, 0o600))
}

// reseal seals all records for their places under keys, as the node would.
func (f *forger) reseal(keys *seal.Keyring) {
	for i := range f.records {
		f.records[i] = keys.Seal(sealTable, indexKey(int64(i)), encode(call(1000+i), 0))
	}
}

// sign writes verifier and checkpoint for the records, as the node would.
func (f *forger) sign(keys *seal.Keyring) {
	public := must1(os.ReadFile(logFile(f.dir, verifierFile)))(f.t)
	name, _, _ := strings.Cut(string(public), "+")
	id := must1(newIdentity(strings.TrimPrefix(name, originPrefix), keys))(f.t)
	var tree frontier
	at := position{offset: int64(len(segmentHeader))}
	for _, sealed := range f.records {
		tree.add(tlog.RecordHash(sealed), nil)
		at.offset += entryHeader + int64(len(sealed))
	}
	c := &checkpoint{origin: id.Name(), size: tree.size, root: tree.root(), local: &resume{at, tree}}
	must0(f.t, os.WriteFile(logFile(f.dir, verifierFile), []byte(id.public+"\n"), 0o600))
	must0(f.t, os.WriteFile(logFile(f.dir, checkpointFile), must1(id.sign(c))(f.t), 0o600))
}

// edit changes one file of the log.
func edit(t tester, dir, name string, change func([]byte) []byte) {
	path := logFile(dir, name)
	must0(t, os.WriteFile(path, change(must1(os.ReadFile(path))(t)), 0o600))
}

// otherKeys is a root key that is not the node's.
func otherKeys(t *testing.T) *seal.Keyring { return newKeys(t.TempDir()) }

// Each attack is on a log of 30 records in several segments, of which an
// outside checkpoint covers the first 20.
func TestEveryAttackHasItsName(t *testing.T) {
	other := otherKeys(t)
	for _, attack := range []struct {
		name    string
		do      func(t tester, dir string)
		alone   Kind   // found without key and outside checkpoint; "" if it cannot be
		opened  Kind   // with the root key
		outside Kind   // against the outside checkpoint
		says    string // by the first of these that finds it
	}{
		{"a bit in a record", func(t tester, dir string) {
			edit(t, dir, segmentName(0), func(b []byte) []byte { b[len(segmentHeader)+entryHeader+20] ^= 4; return b })
		}, Changed, Changed, Changed, "record 0 in 00000000000000000000.log was changed"},
		{"a bit in a stored hash", func(t tester, dir string) {
			edit(t, dir, segmentName(0), func(b []byte) []byte { b[len(segmentHeader)+12] ^= 1; return b })
		}, Changed, Changed, Changed, "record 0"},
		{"a bit in a length", func(t tester, dir string) {
			edit(t, dir, segmentName(0), func(b []byte) []byte { b[len(segmentHeader)] ^= 0x80; return b })
		}, Damaged, Damaged, Damaged, "at byte 16, at record 0"},
		{"a bit in the header", func(t tester, dir string) {
			edit(t, dir, segmentName(0), func(b []byte) []byte { b[3] ^= 1; return b })
		}, Damaged, Damaged, Damaged, "at byte 0, at record 0"},
		{"two records swapped as they are", func(t tester, dir string) { swapEntries(t, dir) },
			Misplaced, Misplaced, Misplaced, "where record 0 belongs, lies record 1"},
		{"two records swapped with new indices", func(t tester, dir string) {
			f := forge(t, dir)
			f.records[3], f.records[4] = f.records[4], f.records[3]
			f.write()
		}, Rewritten, Forged, Rewritten, "records between 0 and 15"},
		{"a record taken out with new indices", func(t tester, dir string) {
			f := forge(t, dir)
			f.records = slices.Delete(f.records, 5, 6)
			f.write()
		}, Truncated, Forged, Rewritten, "ends at record 29"},
		{"a record put in with new indices", func(t tester, dir string) {
			f := forge(t, dir)
			f.records = slices.Insert(f.records, 5, f.records[5])
			f.write()
		}, Rewritten, Forged, Rewritten, "records between 0 and 15"},
		{"a record replaced, its hash computed anew", func(t tester, dir string) {
			f := forge(t, dir)
			f.records[17] = other.Seal(sealTable, indexKey(17), []byte("x"))
			f.write()
		}, Rewritten, Forged, Rewritten, "records between 16 and 23"},
		{"the last segment cut within a record", func(t tester, dir string) {
			edit(t, dir, lastSegment(t, dir), func(b []byte) []byte { return b[:len(b)-3] })
		}, Truncated, Truncated, Truncated, "ends at record 29, and the log's own checkpoint covers 30"},
		{"the last segment removed", func(t tester, dir string) {
			must0(t, os.Remove(logFile(dir, lastSegment(t, dir))))
		}, Truncated, Truncated, Truncated, "it was truncated"},
		{"a segment in the middle removed", func(t tester, dir string) {
			must0(t, os.Remove(logFile(dir, segmentName(must1(segments(filepath.Join(dir, logDir)))(t)[1]))))
		}, Damaged, Damaged, Damaged, "records are missing between"},
		{"all segments removed", func(t tester, dir string) {
			for _, first := range must1(segments(filepath.Join(dir, logDir)))(t) {
				must0(t, os.Remove(logFile(dir, segmentName(first))))
			}
		}, Truncated, Truncated, Truncated, "the log ends at record 0"},
		{"bytes put between segments", func(t tester, dir string) {
			edit(t, dir, segmentName(0), func(b []byte) []byte { return append(b, "extra"...) })
		}, Damaged, Damaged, Damaged, "the log goes on in"},
		{"records in other files", func(t tester, dir string) { forge(t, dir).write() },
			Damaged, Damaged, Damaged, "the records lie in other files"},
		{"the log's own checkpoint removed", func(t tester, dir string) {
			must0(t, os.Remove(logFile(dir, checkpointFile)))
		}, Unsigned, Unsigned, Unsigned, "own checkpoint is missing"},
		{"the log's own checkpoint changed", func(t tester, dir string) {
			edit(t, dir, checkpointFile, func(b []byte) []byte { return bytes.Replace(b, []byte("\n30\n"), []byte("\n29\n"), 1) })
		}, Unsigned, Unsigned, Unsigned, "not signed by its key"},
		{"the public key removed", func(t tester, dir string) {
			must0(t, os.Remove(logFile(dir, verifierFile)))
		}, Unsigned, Unsigned, Unsigned, "verifier.pub is missing"},
		{"rewritten and signed with another root key", func(t tester, dir string) {
			f := forge(t, dir)
			f.reseal(other)
			f.write()
			f.sign(other)
		}, "", Resigned, Resigned, "with another key"},
		{"rewritten by someone who holds the root key", func(t tester, dir string) {
			f := forge(t, dir)
			f.reseal(testKeys())
			f.write()
			f.sign(testKeys())
		}, "", "", Rewritten, "the first 20 records fit together"},
		{"cut off and signed by someone who holds the root key", func(t tester, dir string) {
			f := forge(t, dir)
			f.records = f.records[:19]
			f.write()
			f.sign(testKeys())
		}, "", "", Truncated, "the checkpoint kept elsewhere covers 20"},
		{"begun anew", func(t tester, dir string) {
			must0(t, os.RemoveAll(filepath.Join(dir, logDir)))
			makeLog(t, dir, 30)
		}, "", "", Foreign, "or, if it is, the log was replaced"},
	} {
		t.Run(attack.name, func(t *testing.T) {
			dir := t.TempDir()
			outside := makeLog(t, dir, 20)
			makeLog(t, dir, 10)
			attack.do(t, dir)
			expectKind(t, VerifyOptions{Dir: dir}, attack.alone, attack.says)
			expectKind(t, VerifyOptions{Dir: dir, Keys: testKeys()}, attack.opened, "")
			if attack.alone != "" {
				attack.says = ""
			}
			expectKind(t, VerifyOptions{Dir: dir, Checkpoint: outside}, attack.outside, attack.says)
		})
	}
}

// expectKind verifies and looks for a problem of that kind, or for none.
func expectKind(t *testing.T, opts VerifyOptions, kind Kind, says string) {
	t.Helper()
	report, err := Verify(context.Background(), opts)
	if kind == "" {
		if err != nil {
			t.Errorf("this cannot be detected, and was: %v", err)
		}
		return
	}
	if !errors.Is(err, ErrTampered) || !report.has(kind) {
		t.Fatalf("want %q, got %v", kind, err)
	}
	for _, p := range report.Problems {
		if p.Kind == kind && strings.Contains(p.Message, says) && strings.Contains(p.Message, nextEvidence) {
			return
		}
	}
	t.Errorf("no %q problem says %q: %+v", kind, says, report.Problems)
}

func lastSegment(t tester, dir string) string {
	firsts := must1(segments(filepath.Join(dir, logDir)))(t)
	return segmentName(firsts[len(firsts)-1])
}

// swapEntries swaps the first two entries of the log, headers and all.
func swapEntries(t tester, dir string) {
	f := forge(t, dir)
	first, second := entryHeader+len(f.records[0]), entryHeader+len(f.records[1])
	edit(t, dir, segmentName(0), func(b []byte) []byte {
		body := b[len(segmentHeader):]
		return slices.Concat(b[:len(segmentHeader)], body[first:first+second], body[:first], body[first+second:])
	})
}

// An attacker without the root key may do anything to the bytes of the records
// that a checkpoint covers: it shows, with nothing but that checkpoint.
func TestAnyChangeOfBytesIsDetected(t *testing.T) {
	original := t.TempDir()
	outside := makeLog(t, original, 30)
	names := must1(segments(filepath.Join(original, logDir)))(t)
	dir := filepath.Join(t.TempDir(), "copy")
	rapid.Check(t, func(t *rapid.T) {
		copyDir(t, original, dir)
		name := segmentName(rapid.SampledFrom(names).Draw(t, "segment"))
		edit(t, dir, name, func(b []byte) []byte { return mutate(t, b) })
		findTampering(t, VerifyOptions{Dir: dir, Checkpoint: outside})
	})
}

// mutate changes b in some way, and never leaves it as it was.
func mutate(t *rapid.T, b []byte) []byte {
	before := slices.Clone(b)
	i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
	n := rapid.IntRange(1, len(b)-i).Draw(t, "bytes")
	switch rapid.IntRange(0, 4).Draw(t, "how") {
	case 0:
		b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case 1:
		b = b[:i]
	case 2:
		b = slices.Delete(b, i, i+n)
	case 3:
		b = slices.Insert(b, i, rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "extra")...)
	case 4:
		slices.Reverse(b[i : i+n])
	}
	if bytes.Equal(b, before) {
		b[i] ^= 1
	}
	return b
}

// An attacker without the root key may also cut the log into its records and put
// them together again as he likes, with indices and hashes as they should be.
func TestAnyRearrangementIsDetected(t *testing.T) {
	original := t.TempDir()
	outside := makeLog(t, original, 12)
	whole := forge(t, original).records
	dir := filepath.Join(t.TempDir(), "copy")
	rapid.Check(t, func(t *rapid.T) {
		places := rapid.SliceOfN(rapid.IntRange(0, 11), 0, 15).Draw(t, "records")
		copyDir(t, original, dir)
		f := &forger{t: t, dir: dir}
		for _, p := range places {
			f.records = append(f.records, whole[p])
		}
		f.write()
		opts := VerifyOptions{Dir: dir, Checkpoint: outside}
		if len(places) >= 12 && slices.IsSorted(places[:12]) && places[0] == 0 && places[11] == 11 {
			return // the log as it was
		}
		findTampering(t, opts)
	})
}

func TestALogThatGrewStillFitsEveryCheckpoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := must1(os.MkdirTemp("", "audit"))(t)
		defer os.RemoveAll(dir)
		var outside [][]byte
		for range rapid.IntRange(1, 4).Draw(t, "runs") {
			outside = append(outside, makeLog(t, dir, rapid.IntRange(0, 9).Draw(t, "records")))
		}
		for _, c := range outside {
			verifyWhole(t, dir, c)
		}
	})
}

func TestWhatIsNoCheckpointIsRefused(t *testing.T) {
	dir := t.TempDir()
	outside := makeLog(t, dir, 3)
	for _, given := range []string{"", "x", "a\nb\nc\n\n— x AAAAAAA=\n", string(outside[:20])} {
		_, err := Verify(context.Background(), VerifyOptions{Dir: dir, Checkpoint: []byte(given)})
		if err == nil || errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), "the checkpoint given") {
			t.Errorf("%q: %v", given, err)
		}
	}
	if _, err := Verify(context.Background(), VerifyOptions{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("a directory without a log: %v", err)
	}
}

// The checkpoint that the log keeps for itself is one, too.
func TestTheLogsOwnCheckpointMayBeKeptElsewhere(t *testing.T) {
	dir := t.TempDir()
	makeLog(t, dir, 8)
	kept := must1(os.ReadFile(logFile(dir, checkpointFile)))(t)
	makeLog(t, dir, 8)
	verifyWhole(t, dir, kept)
}

// forgedEntry is an entry whose length and hash are right.
func forgedEntry(index int64, sealed []byte) []byte {
	return appendEntry(nil, index, tlog.RecordHash(sealed), sealed)
}
