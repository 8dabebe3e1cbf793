package accessanalyzer

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	api "cloister/internal/awsapi/accessanalyzer"
)

// The attributes by which findings are filtered and sorted (IAM User Guide,
// access-analyzer-reference-filter-keys.html), beside principal.KIND and
// condition.KEY.
var attributes = map[string]func(f *finding) string{
	"id":                   func(f *finding) string { return f.ID },
	"resource":             func(f *finding) string { return f.Resource },
	"resourceType":         func(f *finding) string { return f.ResourceType },
	"resourceOwnerAccount": func(f *finding) string { return f.Account },
	"status":               func(f *finding) string { return f.Status },
	"findingType":          func(f *finding) string { return f.Type },
	"isPublic":             func(f *finding) string { return strconv.FormatBool(f.Public) },
	"createdAt":            func(f *finding) string { return shownTime(f.Created) },
	"updatedAt":            func(f *finding) string { return shownTime(f.Updated) },
	"analyzedAt":           func(f *finding) string { return shownTime(f.Analyzed) },
	"error":                func(*finding) string { return "" },
}

// external attributes are those that findings of unused access have not.
func onlyExternal(name string) bool {
	return name == "isPublic" || name == "error" || strings.HasPrefix(name, "principal.") || strings.HasPrefix(name, "condition.")
}

// attribute is the value of an attribute, "" for none.
func (f *finding) attribute(name string) string {
	if kind, ok := strings.CutPrefix(name, "principal."); ok {
		return f.Principal[kind]
	}
	if key, ok := strings.CutPrefix(name, "condition."); ok {
		for k, v := range f.Condition {
			if strings.EqualFold(k, key) {
				return v
			}
		}
		return ""
	}
	return attributes[name](f)
}

// checkAttribute refuses an attribute that the analyzer's findings have not.
func checkAttribute(a *analyzer, name string) error {
	_, known := attributes[name]
	kind, principal := strings.CutPrefix(name, "principal.")
	known = known || principal && slices.Contains([]string{"AWS", "Federated", "CanonicalUser", "Service"}, kind) || strings.HasPrefix(name, "condition.") && len(name) > len("condition.")
	if !known || a.Type == unusedAccess && onlyExternal(name) {
		return invalid("%q is no attribute of findings of the type of this analyzer.", clip(name))
	}
	return nil
}

// clip shortens what a caller chose for a message.
func clip(text string) string {
	if len(text) > 100 {
		return strings.ToValidUTF8(text[:100], "") + "…"
	}
	return text
}

// What a filter may have at most.
const (
	mostCriteria = 20
	longestValue = 2048
)

// parseFilter reads criteria by their attributes.
func parseFilter(a *analyzer, in map[string]*api.Criterion) (map[string]criterion, error) {
	out := map[string]criterion{}
	if len(in) > mostCriteria {
		return nil, invalid("A filter has at most %d criteria.", mostCriteria)
	}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if err := checkAttribute(a, name); err != nil {
			return nil, err
		}
		c := in[name]
		if c == nil || len(c.Eq)+len(c.Neq)+len(c.Contains) == 0 && c.Exists == nil {
			return nil, invalid("The criterion of %q says nothing: give eq, neq, contains or exists.", clip(name))
		}
		if tooLong := func(v string) bool { return len(v) > longestValue }; tooLong(name) || slices.ContainsFunc(slices.Concat(c.Eq, c.Neq, c.Contains), tooLong) {
			return nil, invalid("The criterion of %q is too long.", clip(name))
		}
		out[name] = criterion{c.Eq, c.Neq, c.Contains, c.Exists}
	}
	return out, nil
}

func shownFilter(filter map[string]criterion) map[string]*api.Criterion {
	out := map[string]*api.Criterion{}
	for name, c := range filter {
		out[name] = &api.Criterion{Eq: c.Eq, Neq: c.Neq, Contains: c.Contains, Exists: c.Exists}
	}
	return out
}

// matches says whether a finding meets all criteria.
func matches(filter map[string]criterion, f *finding) bool {
	for name, c := range filter {
		if !c.holds(f.attribute(name)) {
			return false
		}
	}
	return true
}

func (c criterion) holds(value string) bool {
	equal := func(v string) bool { return v == value }
	switch {
	case len(c.Eq) > 0 && !slices.ContainsFunc(c.Eq, equal):
		return false
	case len(c.Neq) > 0 && slices.ContainsFunc(c.Neq, equal):
		return false
	case len(c.Contains) > 0 && !slices.ContainsFunc(c.Contains, func(v string) bool { return strings.Contains(value, v) }):
		return false
	}
	return c.Exists == nil || *c.Exists == (value != "")
}
