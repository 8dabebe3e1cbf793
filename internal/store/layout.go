package store

import (
	"fmt"
	"strconv"

	"cloister/internal/seal"
)

// An engine key is a byte for what it is, the table's name as a string
// component, and:
//
//	row     the components of the row's key
//	index   the index's name, the components of the key in the index and,
//	        unless the index is unique, those of the row's key
//	expiry  for all tables together: time, table, components of the row's key
//
// The value of an index or expiry entry is the row's components.
const (
	spaceRow    = 'd'
	spaceIndex  = 'i'
	spaceExpiry = 'x'
	spaceMeta   = 'm'
)

const (
	// maxKey is what a PostgreSQL B-tree entry holds, with room to spare.
	maxKey = 2048
	// maxValue keeps transactions in memory; larger things are blobs.
	maxValue = 16 << 20
	// hashSize is enough that nobody finds two components that collide.
	hashSize = 16
)

// tuple says how the components of one kind of key are encoded.
type tuple struct {
	purpose string // of the hashes: kind, table and index
	clear   uint64 // bit i: component i stays ordered and clear
}

// appendTo encodes key. Hashes depend on the position, so that equal
// components of different tables and positions do not look equal.
func (t tuple) appendTo(dst []byte, keys *seal.Keyring, key Key) ([]byte, error) {
	for i, c := range key {
		at := len(dst)
		var err error
		if dst, err = appendComponent(dst, c); err != nil {
			return nil, fmt.Errorf("%s, component %d: %w", t.purpose, i, err)
		}
		if t.clear&(1<<i) == 0 {
			dst = append(dst[:at], t.hash(keys, i, dst[at:])...)
		}
	}
	if len(dst) > maxKey {
		return nil, fmt.Errorf("%s: %w: %d bytes, at most %d", t.purpose, ErrTooLarge, len(dst), maxKey)
	}
	return dst, nil
}

// hash is the encoded component that stands for one that is not clear.
func (t tuple) hash(keys *seal.Keyring, i int, component []byte) []byte {
	mac := keys.MAC(t.purpose+" "+strconv.Itoa(i), component)
	return append([]byte{codeHash}, mac[:hashSize]...)
}

// spacePrefix begins all engine keys of one kind in one table.
func spacePrefix(space byte, table string) []byte {
	return appendEscaped([]byte{space, codeString}, table)
}

// prefixRange is all keys that begin with prefix.
func prefixRange(prefix []byte) Range {
	return Range{From: prefix, To: behind(prefix)}
}

// behind comes after all tuples that begin with prefix and before the next.
func behind(prefix []byte) []byte {
	return append(append([]byte(nil), prefix...), codeBehind)
}

// next is the first key that comes after key.
func next(key []byte) []byte {
	return append(append([]byte(nil), key...), 0)
}

// join concatenates into fresh memory.
func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// everything is all engine keys. It does not begin with the empty key, which
// pebble's own checks do not take for a bound.
var everything = Range{From: []byte{0}, To: []byte{codeBehind}}
