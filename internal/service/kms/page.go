package kms

import (
	"encoding/base64"
	"iter"

	"cloister/internal/store"
)

// scan is the Scan of a collection.
type scan[T any] func(r store.Reader, prefix, after store.Key) iter.Seq2[store.Item[T], error]

// page yields the rows below prefix, behind the marker, until add has taken
// limit of them. It returns the next marker, nil when there is none. A marker is
// the name of the last row given, so it stays good when rows come and go.
func page[T any](rows scan[T], r store.Reader, prefix store.Key, marker *string, limit int64, add func(store.Item[T]) bool) (*string, error) {
	var after store.Key
	if marker != nil {
		name, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil || len(name) == 0 {
			return nil, fail("InvalidMarkerException", "The marker is not valid.")
		}
		after = append(append(store.Key{}, prefix...), string(name))
	}
	var last string
	var taken int64
	for item, err := range rows(r, prefix, after) {
		if err != nil {
			return nil, err
		}
		if taken == limit {
			return ptr(base64.RawURLEncoding.EncodeToString([]byte(last))), nil
		}
		if add(item) {
			taken++
		}
		last = item.Key[len(item.Key)-1].(string)
	}
	return nil, nil
}
