package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"cloister/internal/store"
)

// parallel runs fn in n goroutines and fails the test on the first error.
func parallel(t *testing.T, n int, fn func(worker int) error) {
	t.Helper()
	errs := make(chan error, n)
	for w := range n {
		go func() { errs <- fn(w) }()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestConcurrentIncrementsAllCount(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		update(t, db, func(tx *store.Tx) error { return things.Put(tx, store.K("counter", 0), &thing{}) })
		parallel(t, 8, func(int) error {
			for range 5 {
				err := db.Update(context.Background(), func(tx *store.Tx) error {
					v, err := things.Get(tx, store.K("counter", 0))
					if err != nil {
						return err
					}
					v.N++
					return things.Put(tx, store.K("counter", 0), v)
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		view(t, db, func(r store.Reader) {
			if v, err := things.Get(r, store.K("counter", 0)); err != nil || v.N != 8*5 {
				t.Errorf("40 increments made %+v, %v", v, err)
			}
		})
	})
}

// TestWriteSkewIsImpossible: two transactions that each read both rows and
// give one up may do so only while the other is still there. Snapshot
// isolation alone would let both go.
func TestWriteSkewIsImpossible(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		for round := range 15 {
			ward := fmt.Sprint("ward ", round)
			update(t, db, func(tx *store.Tx) error {
				return errors.Join(things.Put(tx, store.K(ward, 0), &thing{N: 1}), things.Put(tx, store.K(ward, 1), &thing{N: 1}))
			})
			parallel(t, 2, func(doctor int) error { return leaveIfCovered(db, things, ward, doctor) })
			view(t, db, func(r store.Reader) {
				if n := onCall(t, things, r, ward); n != 1 {
					t.Errorf("%s has %d doctors on call", ward, n)
				}
			})
		}
	})
}

func leaveIfCovered(db *store.DB, things *store.Collection[thing], ward string, doctor int) error {
	return db.Update(context.Background(), func(tx *store.Tx) error {
		var n int64
		for item, err := range things.Scan(tx, store.K(ward), nil) {
			if err != nil {
				return err
			}
			n += item.Value.N
		}
		if n < 2 {
			return nil
		}
		return things.Put(tx, store.K(ward, doctor), &thing{N: 0})
	})
}

func onCall(t *testing.T, things *store.Collection[thing], r store.Reader, ward string) (n int64) {
	for item, err := range things.Scan(r, store.K(ward), nil) {
		if err != nil {
			t.Fatal(err)
		}
		n += item.Value.N
	}
	return n
}

func TestViewsAreSnapshots(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		put := func(n int64) {
			update(t, db, func(tx *store.Tx) error {
				return errors.Join(things.Put(tx, store.K("a", 1), &thing{N: n}), things.Put(tx, store.K("a", 2), &thing{N: n}))
			})
		}
		put(1)
		view(t, db, func(r store.Reader) {
			for key := 1; key <= 2; key++ {
				if v, err := things.Get(r, store.K("a", key)); err != nil || v.N != 1 {
					t.Errorf("row %d is %+v, %v in a snapshot from before", key, v, err)
				}
				put(int64(1 + key))
			}
		})
		view(t, db, func(r store.Reader) {
			if v, err := things.Get(r, store.K("a", 2)); err != nil || v.N != 3 {
				t.Errorf("a new snapshot has %+v, %v", v, err)
			}
		})
	})
}

// TestFeedIsCompleteAndOnTime: a subscriber is told of every change once, and
// before Update returns.
func TestFeedIsCompleteAndOnTime(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		var mu sync.Mutex
		count, seqs := map[int64]int64{}, map[uint64]int{}
		db.Subscribe(things.Table(), func(c store.Change) {
			mu.Lock()
			defer mu.Unlock()
			count[c.Key[1].(int64)]++
			seqs[c.Seq]++
		})
		parallel(t, 6, func(w int) error {
			for n := int64(1); n <= 15; n++ {
				err := db.Update(context.Background(), func(tx *store.Tx) error {
					return errors.Join(things.Put(tx, store.K("row", w), &thing{N: n}), things.Put(tx, store.K("row", 100+w), &thing{N: n}))
				})
				mu.Lock()
				if err == nil && count[int64(w)] != n {
					err = fmt.Errorf("writer %d: %d changes were seen when Update number %d returned", w, count[int64(w)], n)
				}
				mu.Unlock()
				if err != nil {
					return err
				}
			}
			return nil
		})
		if len(seqs) != 6*15 {
			t.Errorf("90 transactions had %d numbers", len(seqs))
		}
		for seq, n := range seqs {
			if n != 2 {
				t.Errorf("transaction %d was seen with %d changes of 2", seq, n)
			}
		}
	})
}
