package secretsmanager

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
)

func badToken() error {
	return awsapi.Errorf("InvalidNextTokenException", "The NextToken value is invalid.")
}

func (s *Service) listSecrets(c *door.Call, r store.Reader, in *api.ListSecretsRequest) (*api.ListSecretsResponse, error) {
	rows, next, err := page(c, r, in)
	if err != nil {
		return nil, err
	}
	out := &api.ListSecretsResponse{SecretList: []*api.SecretListEntry{}, NextToken: next}
	for _, row := range rows {
		e, err := s.entry(r, row)
		if err != nil {
			return nil, err
		}
		out.SecretList = append(out.SecretList, e)
	}
	return out, nil
}

// page is one page of the secrets that a request asks for. A token is the place
// of the last one given, so that it stays good when secrets come and go.
func page(c *door.Call, r store.Reader, in *api.ListSecretsRequest) (rows []*secret, next *string, err error) {
	if val(in.SortBy) == "last-accessed-date" {
		return nil, nil, badParameter("This node does not sort by last-accessed-date: leave out SortBy.")
	}
	if err := checkFilters(in.Filters); err != nil {
		return nil, nil, err
	}
	all, err := matching(c, r, in)
	if err != nil {
		return nil, nil, err
	}
	order := orderOf(in)
	slices.SortFunc(all, func(a, b *secret) int { return strings.Compare(order(a), order(b)) })
	if val(in.SortOrder) == "desc" {
		slices.Reverse(all)
	}
	if in.NextToken != nil {
		after, err := base64.RawURLEncoding.DecodeString(*in.NextToken)
		if err != nil || !isOrder(in, string(after)) {
			return nil, nil, badToken()
		}
		all = slices.DeleteFunc(all, func(row *secret) bool {
			d := strings.Compare(order(row), string(after))
			return d == 0 || d < 0 == (val(in.SortOrder) != "desc")
		})
	}
	if most := int(or(in.MaxResults, 100)); len(all) > most {
		all = all[:most]
		next = ptr(base64.RawURLEncoding.EncodeToString([]byte(order(all[most-1]))))
	}
	return all, next, nil
}

// orderOf gives what secrets are sorted by, as text. AWS does not say what its
// order is without SortBy; here it is that of creation.
func orderOf(in *api.ListSecretsRequest) func(*secret) string {
	at := func(t time.Time, row *secret) string { return t.UTC().Format(instant) + " " + row.Name }
	switch val(in.SortBy) {
	case "name":
		return func(row *secret) string { return row.Name }
	case "last-changed-date":
		return func(row *secret) string { return at(row.Changed, row) }
	}
	return func(row *secret) string { return at(row.Created, row) }
}

// instant has all times the same length, in their order.
const instant = "2006-01-02T15:04:05.000000000Z"

// isOrder tells whether a text can be what orderOf gives.
func isOrder(in *api.ListSecretsRequest, text string) bool {
	if val(in.SortBy) != "name" {
		at, name, _ := strings.Cut(text, " ")
		if _, err := time.Parse(instant, at); err != nil {
			return false
		}
		text = name
	}
	return namePattern.MatchString(text)
}

func checkFilters(filters []*api.Filter) error {
	for _, f := range filters {
		switch {
		case val(f.Key) == "":
			return badParameter("Invalid filter key")
		case len(f.Values) == 0:
			return badParameter("Invalid filter values for key: %s", *f.Key)
		}
	}
	return nil
}

func matching(c *door.Call, r store.Reader, in *api.ListSecretsRequest) (all []*secret, err error) {
	for item, err := range secrets.Scan(r, store.K(c.Account, c.Region), nil) {
		if err != nil {
			return nil, err
		}
		row := item.Value
		if row.isGone(c.Time) || !row.Deleted.IsZero() && !val(in.IncludePlannedDeletion) {
			continue
		}
		if row.matches(in.Filters) {
			all = append(all, row)
		}
	}
	return all, nil
}

// matches tells whether a secret passes all filters
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html).
func (s *secret) matches(filters []*api.Filter) bool {
	for _, f := range filters {
		if !s.passes(val(f.Key), f.Values) {
			return false
		}
	}
	return true
}

// passes tells whether one of a filter's values fits; a value behind an
// exclamation mark must not.
func (s *secret) passes(key string, wanted []string) bool {
	positive, fits := false, false
	for _, w := range wanted {
		if not, ok := strings.CutPrefix(w, "!"); ok {
			if s.fits(key, not) {
				return false
			}
			continue
		}
		positive = true
		fits = fits || s.fits(key, w)
	}
	return fits || !positive
}

func (s *secret) fits(key, prefix string) bool {
	switch key {
	case "name":
		return strings.HasPrefix(s.Name, prefix)
	case "description":
		return hasPrefixFold(s.Description, prefix)
	case "tag-key":
		return slices.ContainsFunc(s.Tags, func(t tag) bool { return strings.HasPrefix(t.Key, prefix) })
	case "tag-value":
		return slices.ContainsFunc(s.Tags, func(t tag) bool { return strings.HasPrefix(t.Value, prefix) })
	case "primary-region":
		return len(s.Replicas) > 0 && strings.HasPrefix(s.Region, prefix)
	case "owning-service":
		return false // no service has secrets here
	}
	return s.mentions(prefix)
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// mentions tells whether every word of a text stands somewhere in what a secret
// says about itself.
func (s *secret) mentions(text string) bool {
	said := []string{s.Name, s.Description, s.Region}
	for _, t := range s.Tags {
		said = append(said, t.Key, t.Value)
	}
	whole := strings.ToLower(strings.Join(said, "\n"))
	for _, word := range strings.Fields(strings.ToLower(text)) {
		if !strings.Contains(whole, word) {
			return false
		}
	}
	return true
}
