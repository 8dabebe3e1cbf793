package iam

import (
	"encoding/base64"
	"sort"
	"strings"

	"cloister/internal/awsapi"
)

// pageSize is how many items an answer has when the caller does not say.
const pageSize = 100

// page is one answer's share of a sorted list.
type page[E any] struct {
	items     []E
	truncated *bool
	marker    *string
}

// paginate cuts from all, which is sorted by key, what comes behind the marker.
// A marker is the key of the last item answered, so a list goes on in its
// place when that item was deleted in between.
func paginate[E any](all []E, key func(E) string, marker *string, maxItems *int64) (page[E], error) {
	if marker != nil {
		after, err := parseMarker(*marker)
		if err != nil {
			return page[E]{}, err
		}
		all = all[sort.Search(len(all), func(i int) bool { return key(all[i]) > after }):]
	}
	size := pageSize
	if maxItems != nil {
		size = int(*maxItems)
	}
	if len(all) <= size {
		return page[E]{items: all, truncated: awsapi.Ptr(false)}, nil
	}
	return page[E]{
		items:     all[:size],
		truncated: awsapi.Ptr(true),
		marker:    str(formatMarker(key(all[size-1]))),
	}, nil
}

// markerPrefix tells markers from other base64.
const markerPrefix = "after:"

func formatMarker(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(markerPrefix + key))
}

func parseMarker(marker string) (string, error) {
	text, err := base64.RawURLEncoding.DecodeString(marker)
	key, ok := strings.CutPrefix(string(text), markerPrefix)
	if err != nil || !ok {
		return "", validation("Invalid Marker")
	}
	return key, nil
}

// each applies fn to every item.
func each[E, F any](items []E, fn func(E) F) []F {
	out := make([]F, len(items))
	for i, item := range items {
		out[i] = fn(item)
	}
	return out
}

// keep returns the items for which ok holds.
func keep[E any](items []E, ok func(E) bool) []E {
	var out []E
	for _, item := range items {
		if ok(item) {
			out = append(out, item)
		}
	}
	return out
}
