package cognitoidp

import (
	"encoding/base64"
	"iter"

	"cloister/internal/store"
)

// page takes at most limit rows of a scan that keep wants, all if it is nil, and
// gives the token for those behind them.
func page[T any](rows iter.Seq2[store.Item[T], error], limit int64, keep func(*T) bool) (found []*T, next *string, err error) {
	if limit <= 0 {
		limit = 60
	}
	var last store.Key
	for item, err := range rows {
		if err != nil {
			return nil, nil, err
		}
		if keep != nil && !keep(item.Value) {
			continue
		}
		if int64(len(found)) == limit {
			text, err := last.Bytes()
			if err != nil {
				return nil, nil, err
			}
			return found, ptr(base64.RawURLEncoding.EncodeToString(text)), nil
		}
		if last, err = item.Position(); err != nil {
			return nil, nil, err
		}
		found = append(found, item.Value)
	}
	return found, nil, nil
}

// parseToken reads a token of page's, nil for none.
func parseToken(token *string) (store.Key, error) {
	if token == nil || *token == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*token)
	if err == nil {
		var key store.Key
		if key, err = store.ParseKey(text); err == nil && len(key) > 0 {
			return key, nil
		}
	}
	return nil, invalid("Invalid pagination token.")
}

// deleteAll deletes the rows of a scan.
func deleteAll[T any](tx *store.Tx, from *store.Collection[T], rows iter.Seq2[store.Item[T], error]) error {
	var keys []store.Key
	for item, err := range rows {
		if err != nil {
			return err
		}
		keys = append(keys, item.Key)
	}
	for _, key := range keys {
		if err := from.Delete(tx, key); err != nil && !isMissing(err) {
			return err
		}
	}
	return nil
}
