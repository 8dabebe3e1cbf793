package logs

import (
	"encoding/base64"
	"iter"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/store"
)

// scan is the Scan of a collection.
type scan[T any] func(r store.Reader, prefix, after store.Key) iter.Seq2[store.Item[T], error]

// page yields the rows below prefix, behind token, until add has taken limit of
// them. It returns the token of the next page, nil when there is none. A token
// is the name of the last row given, so it stays good when rows come and go.
func page[T any](rows scan[T], r store.Reader, prefix store.Key, token *string, limit int64, add func(store.Item[T]) bool) (*string, error) {
	var after store.Key
	if val(token) != "" {
		name, err := parseNameToken(*token)
		if err != nil {
			return nil, err
		}
		after = append(append(store.Key{}, prefix...), name)
	}
	var last string
	var taken int64
	for item, err := range rows(r, prefix, after) {
		if err != nil {
			return nil, err
		}
		if taken == limit {
			return nameToken(last), nil
		}
		if add(item) {
			taken++
		}
		last = item.Key[len(item.Key)-1].(string)
	}
	return nil, nil
}

func nameToken(name string) *string { return ptr(base64.RawURLEncoding.EncodeToString([]byte(name))) }

func parseNameToken(token string) (string, error) {
	name, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", badToken()
	}
	return string(name), nil
}

func badToken() error { return invalid("The specified nextToken is invalid.") }

// timeToken is a stream's place among those of its group by time.
func timeToken(st *stream) *string {
	return nameToken(strconv.FormatInt(st.Last, 10) + "/" + st.Name)
}

// afterToken is the index of the first stream behind a timeToken, in order.
func afterToken(all []*stream, token *string, order func(a, b *stream) int) (int, error) {
	if val(token) == "" {
		return 0, nil
	}
	place, err := parseNameToken(*token)
	if err != nil {
		return 0, err
	}
	last, name, _ := strings.Cut(place, "/")
	mark := &stream{Name: name}
	if mark.Last, err = strconv.ParseInt(last, 10, 64); err != nil {
		return 0, badToken()
	}
	i, found := slices.BinarySearchFunc(all, mark, order)
	if found {
		i++
	}
	return i, nil
}
