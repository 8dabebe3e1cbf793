package audit

import (
	"bytes"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// libraryEncoding is what the tags of stored mean.
var libraryEncoding = must(cbor.EncOptions{Time: cbor.TimeRFC3339Nano, Sort: cbor.SortCoreDeterministic}.EncMode())

func TestEncodingIsTheLibrarys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		r.Time = time.Unix(rapid.Int64Range(1, 1<<37).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond"))
		r.Count = rapid.Int64().Draw(t, "count")
		for i := range r.Needs {
			r.Needs[i].Allowed, r.Needs[i].Policy = r.ReadOnly, r.EventID
		}
		sameAsLibrary(t, &stored{Seq: rapid.Uint64().Draw(t, "seq"), Record: bounded(r)})
	})
}

// A field that is added to a record and forgotten in its encoding shows here:
// each is set alone, and then all are.
func TestEveryFieldIsEncoded(t *testing.T) {
	empty := stored{Record: Record{Time: time.Unix(1, 0).UTC()}} // encode fills in the time
	s := empty
	fill(t, reflect.ValueOf(&s).Elem(), "stored", func(field string) {
		if !bytes.Equal(appendStored(nil, &s), must1(libraryEncoding.Marshal(&s))(t)) {
			t.Errorf("%s is not encoded as its tag says: see cbor.go", field)
		}
		s = empty
	})
	fill(t, reflect.ValueOf(&s).Elem(), "stored", func(string) {})
	sameAsLibrary(t, &s)
}

// fill sets v, and what is in it, and calls done with its name after each thing
// that it set. What done clears stays clear.
func fill(t *testing.T, v reflect.Value, name string, done func(string)) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)))
		done(name)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), name+"."+v.Type().Field(i).Name, done)
		}
		return
	case reflect.Slice:
		fillSlice(t, v, name, done)
		return
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(-7)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string][]string{"b": {"1", ""}, "aa": nil, "a": {}}))
	default:
		t.Fatalf("%s: no value of %v is known here: add one", name, v.Type())
	}
	done(name)
}

func fillSlice(t *testing.T, v reflect.Value, name string, done func(string)) {
	t.Helper()
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes([]byte("{}"))
		done(name)
		return
	}
	grow := func() reflect.Value { // also after done cleared it
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		}
		return v.Index(0)
	}
	if grow().Kind() != reflect.Struct {
		fill(t, grow(), name+"[0]", done)
		return
	}
	for i := range grow().NumField() {
		fill(t, grow().Field(i), name+"[0]."+v.Type().Elem().Field(i).Name, done)
	}
}

func TestHeadsAreTheShortest(t *testing.T) {
	for _, edge := range []uint64{0, 23, 24, 1<<8 - 1, 1 << 8, 1<<16 - 1, 1 << 16, 1<<32 - 1, 1 << 32, math.MaxUint64} {
		if got, want := appendHead(nil, cborUnsigned, edge), must1(libraryEncoding.Marshal(edge))(t); !bytes.Equal(got, want) {
			t.Errorf("%d is % x, want % x", edge, got, want)
		}
	}
}

// A map of more than 23 pairs has a longer head, for which what follows moves.
func TestObjectsOfAnySize(t *testing.T) {
	for _, pairs := range []int{0, 23, 24, 300} {
		o, want := appendObject([]byte("before")), map[int]string{}
		for i := range pairs {
			o.text(uint64(i), "x")
			want[i] = "x"
		}
		got := o.end()
		if !bytes.Equal(got, append([]byte("before"), must1(libraryEncoding.Marshal(want))(t)...)) {
			t.Errorf("%d pairs: % x", pairs, got)
		}
	}
}

func sameAsLibrary(t tester, s *stored) {
	t.Helper()
	got, want := appendStored(nil, s), must(libraryEncoding.Marshal(s))
	if !bytes.Equal(got, want) {
		t.Fatalf("%+v is\n% x, want\n% x", s, got, want)
	}
}
