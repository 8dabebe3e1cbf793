package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// everything is a row of the types that services keep.
type everything struct {
	Text    string
	Bytes   []byte
	Empty   []string
	Nil     []string
	Map     map[string]string
	Pointer *int64
	Float   float64
	Time    time.Time
	Zero    time.Time
	Raw     json.RawMessage
	Any     any
	Secret  seal.Secret
	Nested  struct{ N int64 }
}

func TestValuesComeBackAsTheyWere(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		c := store.Define[everything]("everything")
		n := int64(-1)
		want := everything{
			Text: "not UTF-8: \xff\x00", Bytes: []byte{0, 1}, Empty: []string{}, Map: map[string]string{"a": "", "": "b"},
			Pointer: &n, Float: 0.1, Time: time.Date(2026, 7, 1, 12, 0, 0, 123456789, time.UTC),
			Raw: json.RawMessage(`{"a":[1]}`), Any: map[string]any{"k": []any{"v", true, nil}},
			Secret: seal.NewSecret([]byte("s3cret")),
		}
		want.Nested.N = 7
		update(t, db, func(tx *store.Tx) error { return c.Put(tx, store.K("k"), &want) })
		view(t, db, func(r store.Reader) {
			got, err := c.Get(r, store.K("k"))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, want) {
				t.Errorf("%#v\ncame back as\n%#v", want, *got)
			}
			if string(got.Secret.Reveal()) != "s3cret" {
				t.Error("the secret was lost")
			}
		})
	})
}

func TestFieldsThatAreGoneAreErrors(t *testing.T) {
	type before struct{ Kept, Gone string }
	type after struct{ Kept, New string }
	onEngines(t, func(t *testing.T, db *store.DB) {
		old, renewed := store.Define[before]("versions"), store.Define[after]("versions")
		update(t, db, func(tx *store.Tx) error { return old.Put(tx, store.K("k"), &before{"a", "b"}) })
		view(t, db, func(r store.Reader) {
			if v, err := renewed.Get(r, store.K("k")); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("a value with a field that the struct lacks gives %v, %v", v, err)
			}
		})
	})
}

func TestTooLargeIsRefused(t *testing.T) {
	onEngines(t, func(t *testing.T, db *store.DB) {
		things := newThings()
		clear := store.Define[thing]("large-keys", store.Clear(0))
		put := func(c *store.Collection[thing], key store.Key, v *thing) error {
			return db.Update(context.Background(), func(tx *store.Tx) error { return c.Put(tx, key, v) })
		}
		if err := put(clear, store.K(strings.Repeat("k", 2100)), &thing{}); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("a long clear key gives %v", err)
		}
		if err := put(things, store.K("a", 1), &thing{Tags: []string{strings.Repeat("v", 17<<20)}}); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("a large value gives %v", err)
		}
		if err := put(things, store.K(strings.Repeat("k", 5000), 1), &thing{Name: strings.Repeat("v", 5<<20)}); err != nil {
			t.Errorf("a long hashed key and five megabytes: %v", err)
		}
	})
}

func TestDeclarationsThatMakeNoSensePanic(t *testing.T) {
	name := func(v *thing) []store.Key { return nil }
	declarations := map[string]func(){
		"no name":                  func() { store.Define[thing]("") },
		"the feed's name":          func() { store.Define[thing]("*feed") },
		"another type's index":     func() { store.Define[string]("t", store.Index("i", name)) },
		"two indexes of one name":  func() { store.Define[thing]("t", store.Index("i", name), store.Index("i", name)) },
		"a component out of range": func() { store.Clear(64) },
	}
	for what, declare := range declarations {
		t.Run(what, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			declare()
		})
	}
}
