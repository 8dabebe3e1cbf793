package store

import (
	"fmt"
	"reflect"
	"time"
)

// Option is an option of [Define].
type Option interface{ define(*definition) }

// IndexOption is an option of [Index].
type IndexOption interface{ index(*indexDefinition) }

// definition is what Define was told.
type definition struct {
	table    string
	row      reflect.Type
	key      tuple
	indexes  map[string]*indexDefinition
	expiry   func(value any) time.Time
	mismatch reflect.Type // an option's type, when it is not row
}

type indexDefinition struct {
	name   string
	unique bool
	key    tuple
	keys   func(value any) []Key
}

// Define declares the collection of rows of type T in a table. It is meant
// for package variables and panics when the declaration makes no sense.
//
// T is encoded as CBOR by its exported fields (tags `cbor:"name"`), strictly:
// a stored field that T no longer has is an error, a new field of T reads as
// its zero value.
func Define[T any](table string, opts ...Option) *Collection[T] {
	d := &definition{
		table:   table,
		row:     reflect.TypeFor[T](),
		key:     tuple{purpose: "store key " + table},
		indexes: map[string]*indexDefinition{},
	}
	for _, o := range opts {
		o.define(d)
	}
	if d.mismatch != nil {
		panic(fmt.Sprintf("store: table %s is of %v, one of its options of %v", table, d.row, d.mismatch))
	}
	if table == "" || table[0] == '*' {
		panic(fmt.Sprintf("store: %q cannot be a table's name", table))
	}
	return &Collection[T]{d}
}

// ClearOption is the option that [Clear] returns.
type ClearOption uint64

// Clear declares the components of keys, counted from 0, that stay ordered
// and readable by the storage engine and whoever operates it. All others are
// replaced by keyed hashes: they can be looked up, and scanned by when they
// are a whole part of the prefix, but their order means nothing. Of a
// collection it speaks of the rows' keys, of an [Index] of the keys in it.
func Clear(components ...int) ClearOption {
	var mask uint64
	for _, c := range components {
		if c < 0 || c > 63 {
			panic("store: only the first 64 components can be clear")
		}
		mask |= 1 << c
	}
	return ClearOption(mask)
}

func (c ClearOption) define(d *definition)     { d.key.clear |= uint64(c) }
func (c ClearOption) index(i *indexDefinition) { i.key.clear |= uint64(c) }

type uniqueOption struct{}

func (uniqueOption) index(i *indexDefinition) { i.unique = true }

// Unique declares that a key of the index belongs to one row: Put and Insert
// give [ErrExists] for a value that would share one.
func Unique() IndexOption { return uniqueOption{} }

type defineFunc func(*definition)

func (f defineFunc) define(d *definition) { f(d) }

// Index declares a secondary index, kept up in the rows' own transactions.
// keys says under which keys a value is found, none or several; it depends on
// the value alone. Where it changes between versions of the program, the
// index takes another name, and its rows must be put anew.
func Index[T any](name string, keys func(*T) []Key, opts ...IndexOption) Option {
	return defineFunc(func(d *definition) {
		i := &indexDefinition{name: name, key: tuple{purpose: "store index " + d.table + " " + name}}
		i.keys = func(v any) []Key { return keys(v.(*T)) }
		for _, o := range opts {
			o.index(i)
		}
		if d.indexes[name] != nil {
			panic(fmt.Sprintf("store: table %s has two indexes %s", d.table, name))
		}
		d.indexes[name] = i
		d.expect(reflect.TypeFor[T]())
	})
}

// Expiry declares when a row ceases to exist, to the microsecond; never for
// the zero time. From then on no read sees it, Insert may replace it, and
// within a minute it is deleted, which subscribers are told. The engine sees
// the time.
func Expiry[T any](at func(*T) time.Time) Option {
	return defineFunc(func(d *definition) {
		d.expiry = func(v any) time.Time { return at(v.(*T)) }
		d.expect(reflect.TypeFor[T]())
	})
}

func (d *definition) expect(t reflect.Type) {
	if t != d.row {
		d.mismatch = t
	}
}
