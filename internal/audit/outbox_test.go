package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/internal/store/pebbleengine"
)

// things is some state that is changed along with what is audited.
var things = store.Define[string]("audit_test_things")

// house is a store and a log on one data directory.
type house struct {
	t    tester
	dir  string
	keys *seal.Keyring
	db   *store.DB
	log  *Log
}

func openHouse(t tester, dir string, keys *seal.Keyring) *house {
	t.Helper()
	h := openStoreOnly(t, dir, keys)
	h.log = must1(open(dir, h.db, keys, inTests))(t)
	return h
}

func openStoreOnly(t tester, dir string, keys *seal.Keyring) *house {
	t.Helper()
	engine := must1(pebbleengine.Open(filepath.Join(dir, "store"), keys))(t)
	return &house{t: t, dir: dir, keys: keys, db: must1(store.Open(engine, keys))(t)}
}

func (h *house) close() {
	h.t.Helper()
	must0(h.t, h.log.Close())
	must0(h.t, h.db.Close())
}

// crash leaves log and store as a process that dies would.
func (h *house) crash() {
	h.t.Helper()
	kill(h.t, h.log)
	must0(h.t, h.db.Close())
}

// change puts a thing and stages its record, as a mutating call does.
func (h *house) change(n int, end error) error {
	return h.db.Update(context.Background(), func(tx *store.Tx) error {
		name := call(n).RequestID
		if err := things.Put(tx, store.K(name), &name); err != nil {
			return err
		}
		if err := h.log.Stage(tx, call(n)); err != nil {
			return err
		}
		return end
	})
}

// commitUnseen commits a staged record as if the connection had been lost before
// the answer came: nothing in this process learns of it.
func (h *house) commitUnseen(n int, seq uint64) []byte {
	h.t.Helper()
	record := encode(call(n), seq)
	must0(h.t, h.db.Update(context.Background(), func(tx *store.Tx) error {
		return outbox.Insert(tx, store.K(h.log.id.node, seq), &staged{record})
	}))
	return record
}

// waiting is the number of rows in the outbox.
func (h *house) waiting() (n int) {
	h.t.Helper()
	must0(h.t, h.db.View(context.Background(), func(r store.Reader) error {
		for _, err := range outbox.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}))
	return n
}

// expect looks whether the log holds exactly the records of these calls.
func (h *house) expect(calls ...int) {
	h.t.Helper()
	found := requestIDs(h.entries())
	for _, n := range calls {
		if found[call(n).RequestID] != 1 {
			h.t.Errorf("call %d is in the log %d times", n, found[call(n).RequestID])
		}
	}
	if len(found) != len(calls) {
		h.t.Errorf("the log holds %v, and should hold calls %v", found, calls)
	}
}

func (h *house) entries() (entries []Entry) {
	for e, err := range Read(context.Background(), h.dir, h.keys, 0, false) {
		must0(h.t, err)
		entries = append(entries, e)
	}
	return entries
}

func TestAStagedRecordIsInTheLogWhenUpdateReturns(t *testing.T) {
	h := openHouse(t, t.TempDir(), testKeys())
	must0(t, h.change(1, nil))
	must0(t, h.log.Append(call(2)))
	h.expect(1, 2)
	if h.waiting() != 1 {
		t.Errorf("%d rows wait before the record is on disk", h.waiting())
	}
	outside := must1(h.log.Checkpoint(context.Background()))(t)
	if h.waiting() != 0 {
		t.Errorf("%d rows wait once it is", h.waiting())
	}
	h.close()
	verifyWhole(t, h.dir, outside)
}

func TestWhatDidNotCommitIsNotInTheLog(t *testing.T) {
	h := openHouse(t, t.TempDir(), testKeys())
	refused := errors.New("refused")
	if err := h.change(1, refused); !errors.Is(err, refused) {
		t.Fatalf("the transaction ended with %v", err)
	}
	h.expect()
	h.close()
	h = openHouse(t, h.dir, testKeys())
	h.expect()
	h.close()
	verifyWhole(t, h.dir, nil)
}

func TestARecordWhoseRowIsStillThereIsNotWrittenTwice(t *testing.T) {
	h := openHouse(t, t.TempDir(), testKeys())
	must0(t, h.log.Append(call(0)))
	must0(t, h.change(1, nil))
	h.crash()
	h = openHouse(t, h.dir, testKeys())
	h.expect(0, 1)
	must0(t, h.change(2, nil))
	h.close()
	h = openHouse(t, h.dir, testKeys())
	h.expect(0, 1, 2)
	if h.waiting() != 0 {
		t.Errorf("%d rows still wait", h.waiting())
	}
	h.close()
	verifyWhole(t, h.dir, nil)
}

func TestACommitThatNobodySawIsInTheLogAfterTheNextStart(t *testing.T) {
	h := openHouse(t, t.TempDir(), testKeys())
	h.commitUnseen(1, h.log.claims.next())
	h.expect()
	h.crash()
	h = openHouse(t, h.dir, testKeys())
	h.expect(1)
	h.crash()
	h = openHouse(t, h.dir, testKeys())
	h.expect(1)
	h.close()
	verifyWhole(t, h.dir, nil)
}

func TestACommitThatNobodySawIsInTheLogWithoutAStart(t *testing.T) {
	h := openHouse(t, t.TempDir(), testKeys())
	old := uint64(time.Now().Add(-2 * strayAfter).UnixNano())
	record := h.commitUnseen(1, old)
	h.commitUnseen(2, h.log.claims.next()) // may still be on its way
	must1(h.log.Checkpoint(context.Background()))(t)
	h.expect(1)
	h.log.move(old, record, false) // its own call, late
	must1(h.log.Checkpoint(context.Background()))(t)
	h.log.move(old, record, false)
	h.expect(1)
	h.close()
	h = openHouse(t, h.dir, testKeys())
	h.expect(1, 2)
	h.close()
	verifyWhole(t, h.dir, nil)
}

func TestABrokenLogTakesNoChange(t *testing.T) {
	h := openStoreOnly(t, t.TempDir(), testKeys())
	d := &brokenDisk{effect: "not written", after: 3} // verifier, checkpoint, header
	h.log = must1(open(h.dir, h.db, h.keys, broken(d.wrap)))(t)
	must0(t, h.change(1, nil)) // committed, and its record not written
	if err := h.log.Healthy(); !errors.Is(err, errDisk) {
		t.Fatalf("the log is healthy: %v", err)
	}
	if err := h.change(2, nil); !errors.Is(err, errDisk) {
		t.Errorf("a change on a broken log: %v", err)
	}
	h.log.Close()
	must0(t, h.db.Close())
	h = openHouse(t, h.dir, testKeys())
	h.expect(1)
	h.close()
	verifyWhole(t, h.dir, nil)
}

func TestNothingIsStagedWithoutAStore(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	if err := l.Stage(nil, call(0)); !errors.Is(err, errNoStore) {
		t.Errorf("Stage: %v", err)
	}
	must0(t, l.Close())
	verifyWhole(t, dir, nil)
}

// The state knows the log's last checkpoint: even the holder of the root key
// cannot cut the log off or rewrite it and leave the state as it is.
func TestTheStoreHoldsTheLogToItsLastCheckpoint(t *testing.T) {
	for name, attack := range map[string]func(f *forger){
		"cut off":   func(f *forger) { f.records = f.records[:5] },
		"rewritten": func(f *forger) { f.reseal(testKeys()) },
	} {
		t.Run(name, func(t *testing.T) {
			h := openHouse(t, t.TempDir(), testKeys())
			for n := range 9 {
				must0(t, h.change(n, nil))
			}
			h.close()
			outside := must1(os.ReadFile(logFile(h.dir, checkpointFile)))(t)
			f := forge(t, h.dir)
			attack(f)
			f.write()
			f.sign(testKeys())
			h = openStoreOnly(t, h.dir, testKeys())
			if _, err := Open(h.dir, h.db, testKeys()); !errors.Is(err, ErrTampered) {
				t.Errorf("Open: %v", err)
			}
			must0(t, h.db.Close())
			findTampering(t, VerifyOptions{Dir: h.dir, Checkpoint: outside})
		})
	}
}

// A log that is gone altogether is not a new one.
func TestTheStoreMissesALogThatIsGone(t *testing.T) {
	h := openHouse(t, t.TempDir(), testKeys())
	must0(t, h.change(0, nil))
	h.close()
	must0(t, os.RemoveAll(filepath.Join(h.dir, logDir)))
	h = openStoreOnly(t, h.dir, testKeys())
	if _, err := Open(h.dir, h.db, testKeys()); !errors.Is(err, ErrTampered) {
		t.Errorf("Open: %v", err)
	}
	must0(t, h.db.Close())
}
