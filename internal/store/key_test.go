package store_test

import (
	"bytes"
	"cmp"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cloister/internal/store"
)

// component draws a component; strings are short and full of what the
// encoding treats as special, so that prefixes and neighbours are met.
func component() *rapid.Generator[any] {
	special := rapid.SampledFrom([]byte{0, 1, 2, 'a', 'b', 0xfe, 0xff})
	text := rapid.SliceOfN(special, 0, 4)
	return rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 4).Draw(t, "type") {
		case 0:
			return text.Draw(t, "bytes")
		case 1:
			return string(text.Draw(t, "string"))
		case 2:
			return rapid.Int64().Draw(t, "int")
		case 3:
			return rapid.Uint64().Draw(t, "uint")
		}
		seconds := rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds")
		return time.Unix(seconds, rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds")).UTC()
	})
}

func key() *rapid.Generator[store.Key] {
	return rapid.Map(rapid.SliceOfN(component(), 0, 4), func(parts []any) store.Key { return parts })
}

// order is what the encoding must keep.
func order(a, b store.Key) int {
	for i := range min(len(a), len(b)) {
		if c := orderComponents(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func orderComponents(a, b any) int {
	if rank(a) != rank(b) {
		return cmp.Compare(rank(a), rank(b))
	}
	switch a := a.(type) {
	case []byte:
		return bytes.Compare(a, b.([]byte))
	case string:
		return strings.Compare(a, b.(string))
	case int64:
		return cmp.Compare(a, b.(int64))
	case uint64:
		return cmp.Compare(a, b.(uint64))
	}
	return a.(time.Time).Compare(b.(time.Time))
}

func rank(c any) int {
	switch c.(type) {
	case []byte:
		return 0
	case string:
		return 1
	case int64:
		return 2
	case uint64:
		return 3
	}
	return 4
}

func TestEncodedKeysOrderAsTuples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := key().Draw(t, "a"), key().Draw(t, "b")
		x, err1 := a.Bytes()
		y, err2 := b.Bytes()
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if bytes.Compare(x, y) != order(a, b) {
			t.Fatalf("%x and %x compare as %d, the tuples as %d", x, y, bytes.Compare(x, y), order(a, b))
		}
	})
}

func TestEncodedKeysComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := key().Draw(t, "key")
		b, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		back, err := store.ParseKey(b)
		if err != nil || len(back) != len(k) || len(k) > 0 && !reflect.DeepEqual(back, k) {
			t.Fatalf("%#v came back as %#v, %v", k, back, err)
		}
	})
}

func TestKeysOfOtherTypesAreErrors(t *testing.T) {
	for _, c := range []any{nil, 1.5, true, int32(1), struct{}{}, []string{"a"}} {
		if _, err := store.K("a", c).Bytes(); err == nil {
			t.Errorf("component %T is accepted", c)
		}
	}
}

// FuzzParseKey: whatever is accepted is the encoding of a key, and its only
// one.
func FuzzParseKey(f *testing.F) {
	for _, k := range []store.Key{nil, store.K("a\x00b", 1), store.K([]byte{0, 0xff}), store.K(uint64(7), time.Unix(1, 2))} {
		b, err := k.Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := store.ParseKey(b)
		if err != nil {
			return
		}
		back, err := k.Bytes()
		if err != nil || !bytes.Equal(back, b) {
			t.Fatalf("%x decodes to %v, which encodes as %x, %v", b, k, back, err)
		}
	})
}
