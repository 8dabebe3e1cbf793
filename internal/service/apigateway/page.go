package apigateway

import (
	"encoding/base64"
	"iter"
	"sort"

	"cloister/internal/store"
)

// Pages: 25 items unless another number is asked for, at most 500.
const (
	usualPage   = 25
	largestPage = 500
)

// page gives the items that come after position, in the order of their names, and
// where the next page begins.
func page[T any](items []T, name func(T) string, position *string, limit *int64) ([]T, *string, error) {
	most := or(limit, usualPage)
	if most < 1 || most > largestPage {
		return nil, nil, badRequest("Invalid limit: it is a number from 1 to %d", largestPage)
	}
	sort.SliceStable(items, func(i, j int) bool { return name(items[i]) < name(items[j]) })
	if val(position) != "" {
		after, err := base64.RawURLEncoding.DecodeString(*position)
		if err != nil {
			return nil, nil, badRequest("Invalid position parameter: %.100s", *position)
		}
		items = items[sort.Search(len(items), func(i int) bool { return name(items[i]) > string(after) }):]
	}
	if int64(len(items)) <= most {
		return items, nil, nil
	}
	items = items[:most]
	return items, ptr(base64.RawURLEncoding.EncodeToString([]byte(name(items[most-1])))), nil
}

// values are those of a map, in the order of its keys.
func values[V any](m map[string]V) (all []V) {
	for _, k := range keysOf(m) {
		all = append(all, m[k])
	}
	return all
}

// all reads all rows of a scan.
func all[T any](rows iter.Seq2[store.Item[T], error]) (items []*T, err error) {
	for item, err := range rows {
		if err != nil {
			return nil, err
		}
		items = append(items, item.Value)
	}
	return items, nil
}
