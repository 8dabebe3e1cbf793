package accessanalyzer

import (
	"encoding/base64"
	"encoding/json"
	"iter"

	"cloister/internal/store"
)

// maxPage is the longest page that may be asked for, usualPage what an answer has
// if nobody says.
const (
	maxPage   = 1000
	usualPage = 100
)

func pageSize(asked *int64) (int, error) {
	if asked == nil {
		return usualPage, nil
	}
	if *asked < 1 || *asked > maxPage {
		return 0, invalid("maxResults must be between 1 and %d.", maxPage)
	}
	return int(*asked), nil
}

// scan is the Scan of a collection.
type scan[T any] func(r store.Reader, prefix, after store.Key) iter.Seq2[store.Item[T], error]

// page goes through the rows below a prefix, behind a token, until add has taken
// as many as were asked for. It returns the token of the next page, nil when there
// is none. A token names the last row given, so it stays good when rows go.
func page[T any](r store.Reader, rows scan[T], prefix store.Key, token *string, most *int64, add func(*T) bool) (*string, error) {
	size, err := pageSize(most)
	if err != nil {
		return nil, err
	}
	var after store.Key
	if token != nil {
		last, err := parseToken(*token, 1)
		if err != nil {
			return nil, err
		}
		after = append(append(store.Key{}, prefix...), last[0])
	}
	taken := 0
	var last string
	for item, err := range rows(r, prefix, after) {
		if err != nil {
			return nil, err
		}
		if taken == size {
			return ptr(makeToken(last)), nil
		}
		if add(item.Value) {
			taken++
		}
		last = item.Key[len(prefix)].(string)
	}
	return nil, nil
}

func makeToken(parts ...string) string {
	return base64.RawURLEncoding.EncodeToString(mustJSON(parts))
}

func parseToken(token string, parts int) ([]string, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	var all []string
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil || len(all) != parts {
		return nil, badToken()
	}
	return all, nil
}

func badToken() error {
	return invalid("The token is not valid. Pass on the nextToken of the page before.")
}
