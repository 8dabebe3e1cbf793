package pebbleengine

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// The ledger is what the durability tests write: every writer numbers its
// transactions, and each adds one entry and moves the writer's head, so that
// half a transaction, a lost one and a gap all show.

type entry struct{ Padding []byte }

type head struct{ N int64 }

var (
	entries = store.Define[entry]("entries", store.Clear(1))
	heads   = store.Define[head]("heads")
)

// ledger runs writers on a store and knows what they were told.
type ledger struct {
	db *store.DB

	mu        sync.Mutex
	attempted map[int]int64
	acked     map[int]int64
}

func newLedger(t testing.TB, db *store.DB) *ledger {
	t.Helper()
	found, err := readLedger(db)
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{db: db, attempted: map[int]int64{}, acked: map[int]int64{}}
	for w, n := range found {
		l.attempted[w], l.acked[w] = n, n
	}
	return l
}

// write makes the writer's next transaction, and notes it as acknowledged if
// it was.
func (l *ledger) write(writer, size int) error {
	l.mu.Lock()
	n := l.attempted[writer] + 1
	l.attempted[writer] = n
	l.mu.Unlock()
	err := l.db.Update(context.Background(), func(tx *store.Tx) error {
		if err := heads.Put(tx, store.K(writer), &head{n}); err != nil {
			return err
		}
		return entries.Insert(tx, store.K(writer, n), &entry{bytes.Repeat([]byte{byte(n)}, size)})
	})
	if err == nil {
		l.mu.Lock()
		l.acked[writer] = n
		l.mu.Unlock()
	}
	return err
}

// run has the writers write until done is closed or an Update fails.
func (l *ledger) run(writers, size int, done <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if l.write(w, (i*977+w*131)%size) != nil {
					return
				}
			}
		})
	}
	return &wg
}

func (l *ledger) copyAcked() map[int]int64     { return l.copy(l.acked) }
func (l *ledger) copyAttempted() map[int]int64 { return l.copy(l.attempted) }

func (l *ledger) copy(m map[int]int64) map[int]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := map[int]int64{}
	for w, n := range m {
		c[w] = n
	}
	return c
}

// readLedger returns every writer's head, once it has made sure that there is
// an entry for each number up to it, and none beyond.
func readLedger(db *store.DB) (map[int]int64, error) {
	found := map[int]int64{}
	if err := db.Check(context.Background()); err != nil {
		return nil, err
	}
	err := db.View(context.Background(), func(r store.Reader) error {
		for item, err := range heads.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			found[int(item.Key[0].(int64))] = item.Value.N
		}
		count := map[int]int64{}
		for item, err := range entries.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			w, n := int(item.Key[0].(int64)), item.Key[1].(int64)
			if count[w]++; n != count[w] {
				return fmt.Errorf("writer %d has entry %d where %d is next", w, n, count[w])
			}
		}
		for w := range count {
			if found[w] != count[w] {
				return fmt.Errorf("half a transaction: writer %d has %d entries and its head at %d", w, count[w], found[w])
			}
		}
		return nil
	})
	return found, err
}

// checkRecovered is the law of durability: acknowledged ⊆ recovered ⊆
// attempted.
func checkRecovered(db *store.DB, acked, attempted map[int]int64) error {
	found, err := readLedger(db)
	if err != nil {
		return err
	}
	for w, n := range acked {
		if found[w] < n {
			return fmt.Errorf("lost: writer %d was told that %d is durable, and %d is there", w, n, found[w])
		}
	}
	for w, n := range found {
		if attempted != nil && n > attempted[w] {
			return fmt.Errorf("writer %d has %d, and attempted %d", w, n, attempted[w])
		}
	}
	return nil
}

func newKeys(t testing.TB, dir string) *seal.Keyring {
	t.Helper()
	keys, err := seal.Open(seal.RootOptions{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
