package apigatewayv2

import (
	"encoding/base64"
	"iter"
	"strconv"

	"cloister/internal/store"
)

// Pages: 100 items unless fewer are asked for, at most 500.
const (
	usualPage   = 100
	largestPage = 500
)

// page gives the rows below prefix that come after token, and the next token. A
// token is the last component of the last row's key.
func page[T any](rows func(r store.Reader, prefix, after store.Key) iter.Seq2[store.Item[T], error], r store.Reader, prefix store.Key, max, token *string, id func(*T) string) (items []*T, next *string, err error) {
	most := usualPage
	if max != nil {
		n, err := strconv.Atoi(*max)
		if err != nil || n < 1 || n > largestPage {
			return nil, nil, badRequest("Invalid value for maxResults: it is a number from 1 to %d", largestPage)
		}
		most = n
	}
	var after store.Key
	if val(token) != "" {
		last, err := base64.RawURLEncoding.DecodeString(*token)
		if err != nil || len(last) == 0 || len(last) > 512 {
			return nil, nil, badRequest("Invalid nextToken")
		}
		after = append(append(store.Key{}, prefix...), string(last))
	}
	items = []*T{}
	for item, err := range rows(r, prefix, after) {
		if err != nil {
			return nil, nil, err
		}
		if len(items) == most {
			return items, ptr(base64.RawURLEncoding.EncodeToString([]byte(id(items[most-1])))), nil
		}
		items = append(items, item.Value)
	}
	return items, nil, nil
}

// all reads all rows below a prefix.
func all[T any](rows func(r store.Reader, prefix, after store.Key) iter.Seq2[store.Item[T], error], r store.Reader, prefix store.Key) (items []*T, err error) {
	for item, err := range rows(r, prefix, nil) {
		if err != nil {
			return nil, err
		}
		items = append(items, item.Value)
	}
	return items, nil
}
