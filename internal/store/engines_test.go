package store_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/internal/store/pebbleengine"
	"cloister/internal/store/pgengine"
	"cloister/internal/store/pgtest"
)

// engines are what every test of this package runs on.
var engines = []struct {
	name string
	open func(testing.TB, *seal.Keyring) store.Engine
}{
	{"pebble", openPebble},
	{"postgres", openPostgres},
}

func TestMain(m *testing.M) { pgtest.Main(m) }

// onEngines runs the test with a fresh, empty store of each engine and checks
// the store at the end.
func onEngines(t *testing.T, test func(t *testing.T, db *store.DB)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			keys := newKeys(t)
			test(t, openStore(t, e.open(t, keys), keys))
		})
	}
}

func openStore(t testing.TB, engine store.Engine, keys *seal.Keyring) *store.DB {
	t.Helper()
	db, err := store.Open(engine, keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Check(context.Background()); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newKeys(t testing.TB) *seal.Keyring {
	t.Helper()
	keys, err := seal.Open(seal.RootOptions{Dir: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func openPebble(t testing.TB, keys *seal.Keyring) store.Engine {
	t.Helper()
	e, err := pebbleengine.Open(t.TempDir(), keys)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func openPostgres(t testing.TB, _ *seal.Keyring) store.Engine {
	t.Helper()
	e, err := pgengine.Open(context.Background(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// thing is a row with all that a collection can have.
type thing struct {
	Name  string    `cbor:"name"`
	Tags  []string  `cbor:"tags"`
	N     int64     `cbor:"n"`
	Until time.Time `cbor:"until"`
}

var tables atomic.Int64

// newThings declares a table that nobody else uses. Its keys are an account,
// hashed, and a number, clear. Names are unique.
func newThings() *store.Collection[thing] {
	return store.Define[thing](fmt.Sprintf("things-%d", tables.Add(1)),
		store.Clear(1),
		store.Index("name", func(v *thing) []store.Key {
			if v.Name == "" {
				return nil
			}
			return []store.Key{store.K(v.Name)}
		}, store.Unique()),
		store.Index("tag", func(v *thing) (keys []store.Key) {
			for _, tag := range v.Tags {
				keys = append(keys, store.K(tag, v.N))
			}
			return keys
		}, store.Clear(1)),
		store.Expiry(func(v *thing) time.Time { return v.Until }),
	)
}

// view and update fail the test on errors.
func view(t testing.TB, db *store.DB, fn func(r store.Reader)) {
	t.Helper()
	if err := db.View(context.Background(), func(r store.Reader) error { fn(r); return nil }); err != nil {
		t.Fatal(err)
	}
}

func update(t testing.TB, db *store.DB, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}
