package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"cloister/internal/store"
)

func TestRowsAreFoundByKeyAndByIndex(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(
				things.Put(tx, store.K("a", 1), &thing{Name: "one", Tags: []string{"x", "y"}}),
				things.Put(tx, store.K("a", 2), &thing{Name: "two", Tags: []string{"x"}, N: -5}),
				things.Put(tx, store.K("b", 1), &thing{}),
			)
		})
		view(t, db, func(r store.Reader) {
			v, err := things.Get(r, store.K("a", 2))
			if err != nil || v.Name != "two" || v.N != -5 {
				t.Errorf("Get gives %+v, %v", v, err)
			}
			if _, err := things.Get(r, store.K("b", 2)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("Get of no row gives %v", err)
			}
			item, err := things.Lookup(r, "name", store.K("one"))
			if err != nil || item.Key[0] != "a" || item.Key[1] != int64(1) {
				t.Errorf("Lookup gives %v, %v", item, err)
			}
			var found []int64
			for item, err := range things.ScanIndex(r, "tag", store.K("x"), nil) {
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, item.Value.N)
			}
			if len(found) != 2 || found[0] != -5 || found[1] != 0 {
				t.Errorf("index tag x gives rows with N = %v", found)
			}
		})
	})
}

func TestUniqueKeysBelongToOneRow(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		put := func(n int, name string) error {
			return db.Update(context.Background(), func(tx *store.Tx) error {
				return things.Put(tx, store.K("a", n), &thing{Name: name})
			})
		}
		if err := put(1, "x"); err != nil {
			t.Fatal(err)
		}
		if err := put(2, "x"); !errors.Is(err, store.ErrExists) {
			t.Errorf("a second row with a unique name: %v", err)
		}
		if err := errors.Join(put(1, "y"), put(2, "x")); err != nil {
			t.Errorf("a name that was given up: %v", err)
		}
	})
}

func TestFailedTransactionChangesNothing(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		boom := errors.New("boom")
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			tx.Defer(func() { t.Error("deferred function of a failed transaction ran") })
			if err := things.Put(tx, store.K("a", 1), &thing{Name: "x"}); err != nil {
				return err
			}
			return boom
		})
		if err != boom {
			t.Errorf("Update gives %v, not fn's own error", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		err = db.Update(ctx, func(tx *store.Tx) error {
			defer cancel()
			return things.Put(tx, store.K("a", 1), &thing{Name: "x"})
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Update cancelled before its commit gives %v", err)
		}
		view(t, db, func(r store.Reader) {
			for item, err := range things.Scan(r, nil, nil) {
				t.Errorf("there is %v, %v", item, err)
			}
		})
	})
}

func TestDeferredFunctionsRunAfterSubscribers(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		var order string
		db.Subscribe(things.Table(), func(store.Change) { order += "s" })
		update(t, db, func(tx *store.Tx) error {
			tx.Defer(func() { order += "d" })
			return things.Put(tx, store.K("a", 1), &thing{})
		})
		if order += "u"; order != "sdu" {
			t.Errorf("subscriber, deferred, Update's return came as %q", order)
		}
	})
}

func TestExpiredRowsAreGoneAtOnceAndSweptLater(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		db.SetClock(func() time.Time { return now })
		put := func(n int, name string, until time.Time) error {
			return db.Update(context.Background(), func(tx *store.Tx) error {
				return things.Insert(tx, store.K("a", n), &thing{Name: name, Until: until, Tags: []string{"t"}})
			})
		}
		if err := errors.Join(put(1, "x", now.Add(time.Minute)), put(2, "", now.Add(time.Minute)), put(3, "z", time.Time{})); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
		view(t, db, func(r store.Reader) {
			if _, err := things.Get(r, store.K("a", 1)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("Get: %v", err)
			}
			if _, err := things.Lookup(r, "name", store.K("x")); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("Lookup: %v", err)
			}
		})
		if err := errors.Join(put(9, "x", time.Time{}), put(2, "", now.Add(time.Hour))); err != nil {
			t.Errorf("what an expired row held is not free: %v", err)
		}
		var deleted []any
		db.Subscribe(things.Table(), func(c store.Change) { deleted = append(deleted, c.Key[1]) })
		if err := put(4, "", now); err != nil {
			t.Fatal(err)
		}
		n, err := db.Sweep(context.Background())
		if err != nil || n != 1 || len(deleted) != 2 {
			t.Errorf("Sweep removed %d rows, %v; subscribers saw %v", n, err, deleted)
		}
	})
}

func TestReadersEndWithTheirFunction(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		var kept store.Reader
		view(t, db, func(r store.Reader) { kept = r })
		if _, err := things.Get(kept, store.K("a", 1)); !errors.Is(err, store.ErrEnded) {
			t.Errorf("Get after View returned: %v", err)
		}
	})
}
