package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"cloister/internal/store"
)

// all is every key there is.
var all = store.Range{From: []byte{0}, To: []byte{0xff}}

// TestCheckFindsWhatTheEngineDidNotKeep damages the engine's data behind the
// store's back, each time in another way. Keys begin with 'd' for rows, 'i'
// for index entries, 'x' for expiry entries.
func TestCheckFindsWhatTheEngineDidNotKeep(t *testing.T) {
	remove := func(kind byte) func(store.EngineTx, []store.Pair) error {
		return func(tx store.EngineTx, pairs []store.Pair) error { return tx.Delete(only(pairs, kind)[0].Key) }
	}
	damages := map[string]func(store.EngineTx, []store.Pair) error{
		"rows swapped": func(tx store.EngineTx, pairs []store.Pair) error {
			rows := only(pairs, 'd')
			return errors.Join(tx.Set(rows[0].Key, rows[1].Value), tx.Set(rows[1].Key, rows[0].Value))
		},
		"a bit of a row flipped": func(tx store.EngineTx, pairs []store.Pair) error {
			row := only(pairs, 'd')[0]
			row.Value[len(row.Value)/2] ^= 1
			return tx.Set(row.Key, row.Value)
		},
		"a row moved": func(tx store.EngineTx, pairs []store.Pair) error {
			row := only(pairs, 'd')[0]
			return errors.Join(tx.Delete(row.Key), tx.Set(append(row.Key, row.Key[1:]...), row.Value))
		},
		"index entry lost":  remove('i'),
		"expiry entry lost": remove('x'),
		"row lost":          remove('d'),
		"foreign key": func(tx store.EngineTx, _ []store.Pair) error {
			return tx.Set([]byte("z"), []byte("?"))
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			keys := newKeys(t)
			engine := openPebble(t, keys)
			db, err := store.Open(engine, keys)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			things := newThings()
			update(t, db, func(tx *store.Tx) error {
				until := time.Now().Add(time.Hour)
				return errors.Join(
					things.Put(tx, store.K("a", 1), &thing{Name: "x", Tags: []string{"t"}, Until: until}),
					things.Put(tx, store.K("a", 2), &thing{Name: "y", Tags: []string{"t"}, Until: until}))
			})
			if err := db.Check(context.Background()); err != nil {
				t.Fatal("before the damage:", err)
			}
			err = engine.Update(context.Background(), func(tx store.EngineTx) error { return damage(tx, pairs(t, tx)) })
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Check(context.Background()); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("Check gives %v", err)
			}
		})
	}
}

func pairs(t *testing.T, r store.EngineReader) (found []store.Pair) {
	for p, err := range r.Scan(all) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, p)
	}
	return found
}

// only is the pairs of one kind.
func only(pairs []store.Pair, kind byte) (found []store.Pair) {
	for _, p := range pairs {
		if p.Key[0] == kind {
			found = append(found, p)
		}
	}
	return found
}
