package ec2

import (
	"encoding/base64"
	"path"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ec2"
	"cloister/internal/door"
	"cloister/internal/store"
)

// Bounds of one question.
const (
	mostFilters      = 50
	mostFilterValues = 200
	pageSize         = 1000
)

// query is what a Describe operation is asked.
type query struct {
	ids     []string
	filters []*api.Filter
	max     *int64
	token   *string
}

// fields give what filters ask of a resource, by the filter's name.
type fields[P any] map[string]func(P) []string

// one makes a field of a text that a resource always has.
func one[P any](get func(P) string) func(P) []string {
	return func(p P) []string { return []string{get(p)} }
}

func yes[P any](get func(P) bool) func(P) []string {
	return func(p P) []string { return []string{strconv.FormatBool(get(p))} }
}

// ask answers a query: those of the ids that meet every filter, in pages.
func (k *kind[T, P]) ask(c *door.Call, r store.Reader, q query, own fields[P]) ([]P, *string, error) {
	var all []P
	for _, id := range q.ids {
		v, err := k.find(c, r, id)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, v)
	}
	if len(q.ids) == 0 {
		var err error
		if all, err = k.list(r, c.Account, c.Region); err != nil {
			return nil, nil, err
		}
	}
	base := func(p P) *Head { return p.base() }
	own["vpc-id"] = func(p P) []string { return []string{p.base().VPC} }
	own["owner-id"] = func(p P) []string { return []string{p.base().Account} }
	return choose(all, q, own, base)
}

// choose is what all queries end with.
func choose[P any](all []P, q query, own fields[P], base func(P) *Head) ([]P, *string, error) {
	if err := checkFilters(q.filters, own); err != nil {
		return nil, nil, err
	}
	all = slices.DeleteFunc(all, func(p P) bool { return !meets(p, q.filters, own, base) })
	return cut(all, q, func(p P) string { return base(p).ID })
}

func checkFilters[P any](filters []*api.Filter, own fields[P]) error {
	if len(filters) > mostFilters {
		return awsapi.Errorf("FilterLimitExceeded", "The maximum number of filters on a describe call is %d.", mostFilters)
	}
	for _, f := range filters {
		name := val(f.Name)
		if _, ok := own[name]; !ok && name != "tag-key" && !strings.HasPrefix(name, "tag:") {
			return badValue("The filter '%s' is invalid", name)
		}
		if len(f.Values) > mostFilterValues {
			return awsapi.Errorf("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d.", mostFilterValues)
		}
		if len(f.Values) == 0 {
			return badValue("The filter '%s' has no values", name)
		}
	}
	return nil
}

func meets[P any](p P, filters []*api.Filter, own fields[P], base func(P) *Head) bool {
	for _, f := range filters {
		var have []string
		switch name := val(f.Name); {
		case name == "tag-key":
			for _, t := range base(p).Tags {
				have = append(have, t.Key)
			}
		case strings.HasPrefix(name, "tag:"):
			for _, t := range base(p).Tags {
				if t.Key == name[len("tag:"):] {
					have = append(have, t.Value)
				}
			}
		default:
			have = own[name](p)
		}
		if !slices.ContainsFunc(f.Values, func(pattern string) bool {
			return slices.ContainsFunc(have, func(text string) bool { return fits(pattern, text) })
		}) {
			return false
		}
	}
	return true
}

// fits tells whether a text is what a filter's value asks for: * is any text, ?
// any character, \ takes the meaning from either.
func fits(pattern, text string) bool {
	if !strings.ContainsAny(pattern, `*?\`) {
		return pattern == text
	}
	// path.Match's other signs have no meaning here, and its * stops at a slash.
	quote := strings.NewReplacer("[", `\[`, "]", `\]`, "/", "\x00")
	ok, err := path.Match(quote.Replace(pattern), strings.ReplaceAll(text, "/", "\x00"))
	return ok && err == nil
}

// cut gives the page that a query asks for.
func cut[P any](all []P, q query, id func(P) string) ([]P, *string, error) {
	if q.max != nil && len(q.ids) > 0 {
		return nil, nil, awsapi.Errorf("InvalidParameterCombination", "The parameter MaxResults cannot be used with resource IDs in the same request.")
	}
	if val(q.token) != "" {
		last, err := base64.RawURLEncoding.DecodeString(*q.token)
		if err != nil || len(last) == 0 {
			return nil, nil, awsapi.Errorf("InvalidNextToken", "The token '%s' is invalid", *q.token)
		}
		all = slices.DeleteFunc(all, func(p P) bool { return id(p) <= string(last) })
	}
	size := pageSize
	if q.max != nil {
		size = int(*q.max)
	}
	if size < 1 || len(all) <= size {
		return all, nil, nil
	}
	return all[:size], ptr(base64.RawURLEncoding.EncodeToString([]byte(id(all[size-1])))), nil
}
