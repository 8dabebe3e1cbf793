package store

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// row is the plaintext of a sealed row.
type row struct {
	_       struct{} `cbor:",toarray"`
	Key     []byte   // the row's key, nothing hashed
	Expires int64    // microseconds since 1970, 0: never
	// Entries are the index entries of this row, without the prefix that they
	// share. They are kept because the functions that made them may change.
	Entries [][]byte
	Value   cbor.RawMessage
}

var encoding, decoding = codec()

// codec is deterministic CBOR one way and strict CBOR the other: a value that
// this version of the struct cannot hold whole is an error, not a loss. Text
// need not be UTF-8, since Go strings need not be.
func codec() (cbor.EncMode, cbor.DecMode) {
	e := cbor.CoreDetEncOptions()
	e.Time, e.TimeTag = cbor.TimeRFC3339NanoUTC, cbor.EncTagRequired
	enc, err := e.EncMode()
	if err != nil {
		panic(err)
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8DecodeInvalid,
		TagsMd:            cbor.TagsAllowed,
		TimeTag:           cbor.DecTagOptional,
		DefaultMapType:    typeOfAnyMap,
		MaxArrayElements:  maxValue,
		MaxMapPairs:       maxValue,
		MaxNestedLevels:   256,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return enc, dec
}

// expired reports whether the row no longer exists at the time.
func (r *row) expired(now time.Time) bool {
	return r.Expires != 0 && now.UnixMicro() >= r.Expires
}

// expiryMicros is the time as row.Expires has it.
func expiryMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(t.UnixMicro(), 1)
}

// sealRow encodes and seals r for the table and engine key.
func (db *DB) sealRow(table string, key []byte, r *row) ([]byte, error) {
	plain, err := encoding.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding a row of %s: %w", table, err)
	}
	if len(plain) > maxValue {
		return nil, fmt.Errorf("row of %s: %w: %d bytes, at most %d", table, ErrTooLarge, len(plain), maxValue)
	}
	return db.keys.Seal(table, key, plain), nil
}

// openRow is the inverse of sealRow.
func (db *DB) openRow(table string, key, sealed []byte) (*row, error) {
	plain, err := db.keys.Open(table, key, sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: row of %s: %w", ErrCorrupt, table, err)
	}
	r := new(row)
	if err := decoding.Unmarshal(plain, r); err != nil {
		return nil, fmt.Errorf("%w: row of %s: %w", ErrCorrupt, table, err)
	}
	return r, nil
}
