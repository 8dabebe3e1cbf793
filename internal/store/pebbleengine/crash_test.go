package pebbleengine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// rounds is how often a seeded test runs.
func rounds(usual, long int) int {
	if os.Getenv("CLOISTER_LONG") == "1" {
		return long
	}
	return usual
}

// openOn opens a store on a file system.
func openOn(fs vfs.FS, keys *seal.Keyring) (*store.DB, error) {
	if err := fs.MkdirAll("db", 0o700); err != nil {
		return nil, err
	}
	e, err := open(fs, "db", keys)
	if err != nil {
		return nil, err
	}
	return store.Open(e, keys)
}

// crash lets writers write for a while, takes the file system as a power cut
// would leave it, and returns it with what had been promised before and what
// had been begun after.
func crash(t *testing.T, db *store.DB, disk *vfs.MemFS, rng *rand.Rand) (left *vfs.MemFS, acked, attempted map[int]int64) {
	l := newLedger(t, db)
	done := make(chan struct{})
	wg := l.run(4, 12_000, done)
	for target := int64(rng.IntN(40)); sum(l.copyAcked()) < target+sum(acked); {
		runtime.Gosched()
	}
	acked = l.copyAcked()
	left = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
	attempted = l.copyAttempted()
	close(done)
	wg.Wait()
	return left, acked, attempted
}

func sum(m map[int]int64) (total int64) {
	for _, n := range m {
		total += n
	}
	return total
}

func TestPowerCutsLoseNothingAcknowledged(t *testing.T) {
	keys := newKeys(t, t.TempDir())
	for seed := range rounds(12, 500) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 0))
			disk := vfs.NewCrashableMem()
			for range 4 {
				db, err := openOn(disk, keys)
				if err != nil {
					t.Fatal(err)
				}
				left, acked, attempted := crash(t, db, disk, rng)
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				if err := checkLeft(left, keys, acked, attempted); err != nil {
					t.Fatal(err)
				}
				disk = left
			}
		})
	}
}

// checkLeft opens what a crash left and checks it.
func checkLeft(left vfs.FS, keys *seal.Keyring, acked, attempted map[int]int64) error {
	db, err := openOn(left, keys)
	if err != nil {
		return err
	}
	return errors.Join(checkRecovered(db, acked, attempted), db.Close())
}

// forgetful is a disk that says it has synced and has not.
type forgetful struct{ vfs.FS }

type forgetfulFile struct{ vfs.File }

func (f forgetful) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	inner, err := f.FS.Create(name, c)
	if strings.HasSuffix(name, ".log") && err == nil {
		return forgetfulFile{inner}, nil
	}
	return inner, err
}

func (forgetfulFile) Sync() error                { return nil }
func (forgetfulFile) SyncData() error            { return nil }
func (forgetfulFile) SyncTo(int64) (bool, error) { return false, nil }

// TestTheCheckerFindsALoss: on a disk that lies, the law is broken, and the
// checker of the other tests says so.
func TestTheCheckerFindsALoss(t *testing.T) {
	keys := newKeys(t, t.TempDir())
	disk := vfs.NewCrashableMem()
	db, err := openOn(forgetful{disk}, keys)
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger(t, db)
	for range 3 {
		if err := l.write(0, 100); err != nil {
			t.Fatal(err)
		}
	}
	left := disk.CrashClone(vfs.CrashCloneCfg{})
	if err := checkLeft(left, keys, l.acked, l.attempted); err == nil {
		t.Error("three lost transactions were not noticed")
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// failing injects an error into the nth operation that can lose data, and
// into all after it when sticky.
type failing struct {
	after  int64
	sticky bool
	count  atomic.Int64
}

var errDisk = errors.New("injected disk error")

func (f *failing) String() string { return "failing" }

func (f *failing) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo,
		errorfs.OpCreate, errorfs.OpReuseForWrite, errorfs.OpRename, errorfs.OpOpenDir:
		n := f.count.Add(1)
		if n == f.after || f.sticky && n > f.after {
			return errDisk
		}
	}
	return nil
}

// TestDiskErrors: an Update that returned nil is durable, one that failed is
// there whole or not at all, and nothing is answered after the first failure.
func TestDiskErrors(t *testing.T) {
	keys := newKeys(t, t.TempDir())
	hit, ran := 0, 0
	defer func() {
		if 4*hit < ran {
			t.Errorf("only %d of %d faults had an effect: they do not test anything", hit, ran)
		}
	}()
	for seed := range rounds(40, 1000) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			ran++
			rng := rand.New(rand.NewPCG(uint64(seed), 1))
			disk := vfs.NewCrashableMem()
			broken := &failing{after: int64(rng.IntN(300)), sticky: rng.IntN(2) == 0}
			db, err := openOn(errorfs.Wrap(disk, broken), keys)
			if err != nil {
				return // it failed while opening, and said so
			}
			l := &ledger{db: db, attempted: map[int]int64{}, acked: map[int]int64{}}
			done := make(chan struct{})
			wg := l.run(4, 12_000, done)
			for broken.count.Load() < broken.after+20 && db.Healthy() == nil {
				runtime.Gosched()
			}
			close(done)
			wg.Wait()
			left := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100 * rng.IntN(2), RNG: rng})
			if db.Healthy() != nil {
				hit++
				checkSilence(t, db)
			}
			_ = db.Close() // gives the error again, if there was one
			if err := checkLeft(left, keys, l.acked, l.attempted); err != nil {
				t.Error(err)
			}
		})
	}
}

// checkSilence makes sure that an unhealthy store answers nothing.
func checkSilence(t *testing.T, db *store.DB) {
	nothing := func(store.Reader) error { t.Error("View answers after a failed write"); return nil }
	if err := db.View(t.Context(), nothing); !errors.Is(err, store.ErrUnhealthy) {
		t.Errorf("View after a failed write: %v", err)
	}
	change := func(*store.Tx) error { t.Error("Update runs after a failed write"); return nil }
	if err := db.Update(t.Context(), change); !errors.Is(err, store.ErrUnhealthy) {
		t.Errorf("Update after a failed write: %v", err)
	}
}
