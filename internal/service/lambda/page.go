package lambda

import (
	"encoding/base64"
	"encoding/json"
	"iter"

	"cloister/internal/store"
)

// maxPage is how many functions or versions AWS puts on a page at most, whatever
// is asked for.
const maxPage = 50

// scan is the Scan of a collection.
type scan[T any] func(r store.Reader, prefix, after store.Key) iter.Seq2[store.Item[T], error]

// page yields the rows below prefix, behind marker, until add has taken limit
// of them. It returns the marker of the next page, nil when there is none. A
// marker names the last row given, so it stays good when rows come and go.
func page[T any](rows scan[T], r store.Reader, prefix store.Key, marker *string, limit int64, add func(store.Item[T]) bool) (*string, error) {
	after, err := parseMarker(prefix, marker)
	if err != nil {
		return nil, err
	}
	var last store.Key
	var taken int64
	for item, err := range rows(r, prefix, after) {
		if err != nil {
			return nil, err
		}
		if taken == limit {
			return makeMarker(prefix, last), nil
		}
		if add(item) {
			taken++
		}
		last = item.Key
	}
	return nil, nil
}

// makeMarker encodes the rest of a key behind its prefix. Components are names
// (strings) and version numbers.
func makeMarker(prefix, key store.Key) *string {
	text, err := json.Marshal(key[len(prefix):])
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return ptr(base64.RawURLEncoding.EncodeToString(text))
}

func parseMarker(prefix store.Key, marker *string) (store.Key, error) {
	if val(marker) == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*marker)
	var parts []any
	if err == nil {
		err = json.Unmarshal(text, &parts)
	}
	if err != nil || len(parts) == 0 || len(parts) > 2 {
		return nil, badMarker()
	}
	key := append(store.Key{}, prefix...)
	for _, part := range parts {
		switch x := part.(type) {
		case string:
			key = append(key, x)
		case float64:
			key = append(key, int64(x))
		default:
			return nil, badMarker()
		}
	}
	return key, nil
}

func badMarker() error {
	return fail("InvalidParameterValueException", "Invalid pagination token: pass on the NextMarker of the page before.")
}
