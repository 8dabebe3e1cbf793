package organizations

import (
	"encoding/base64"
	"sort"
	"strings"

	"cloister/internal/awsapi"
)

// pageSize is the most that one answer has.
const pageSize = 20

// page cuts one answer's share from a list that is sorted by key: what comes
// behind the token, which is the key of the last item answered. So a list goes
// on in its place when that item was deleted in between.
func page[E any](all []E, key func(E) string, token *string, most *int64) ([]E, *string, error) {
	if token != nil {
		after, err := readToken(*token)
		if err != nil {
			return nil, nil, err
		}
		all = all[sort.Search(len(all), func(i int) bool { return key(all[i]) > after }):]
	}
	size := pageSize
	if most != nil {
		size = int(*most)
	}
	if len(all) <= size {
		return all, nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte(tokenPrefix + key(all[size-1])))
	return all[:size], &next, nil
}

// tokenPrefix tells tokens from other base64.
const tokenPrefix = "after:"

func readToken(token string) (string, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	key, ok := strings.CutPrefix(string(text), tokenPrefix)
	if err != nil || !ok {
		return "", invalid("INVALID_NEXT_TOKEN", "Invalid pagination token.")
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

func str(s string) *string { return awsapi.Ptr(s) }

func val(s *string) string { return awsapi.Val(s) }
