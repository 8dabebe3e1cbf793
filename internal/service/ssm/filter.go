package ssm

import (
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/ssm"
)

// filter is one of the conditions that a parameter must meet.
type filter struct {
	key, option string
	values      []string
}

type filters []filter

func (fs filters) match(g *reading) bool {
	return !slices.ContainsFunc(fs, func(f filter) bool { return !f.matches(g) })
}

func (f *filter) matches(g *reading) bool {
	if tagKey, ok := strings.CutPrefix(f.key, "tag:"); ok {
		i := slices.IndexFunc(g.p.Tags, func(t tag) bool { return t.Key == tagKey })
		return i >= 0 && (len(f.values) == 0 || f.fits(g.p.Tags[i].Value))
	}
	switch f.key {
	case "Name":
		return f.fits(g.p.Name) || f.fits(strings.TrimPrefix(g.p.Name, "/"))
	case "Type":
		return f.fits(g.v.Type)
	case "KeyId":
		return f.fits(g.v.KeyID)
	case "Tier":
		return f.fits(g.v.Tier)
	case "DataType":
		return f.fits(g.v.DataType)
	}
	return slices.ContainsFunc(f.values, func(path string) bool { return isUnder(g.p.Name, path, f.option == "Recursive") })
}

// fits tells whether a text is what one of the values asks for.
func (f *filter) fits(text string) bool {
	return slices.ContainsFunc(f.values, func(v string) bool {
		switch f.option {
		case "BeginsWith":
			return strings.HasPrefix(text, v)
		case "Contains":
			return strings.Contains(text, v)
		}
		return text == v
	})
}

func isUnder(name, path string, deep bool) bool {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	if !deep {
		return parent(name) == path
	}
	return slices.Contains(above(name), path)
}

// describeFilters are those of DescribeParameters, in the new form or the old.
func describeFilters(in *api.DescribeParametersRequest) (all filters, err error) {
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, invalid("You can use either Filters or ParameterFilters in a single request.")
	}
	for _, f := range in.Filters {
		option := "Equals"
		if val(f.Key) == "Name" {
			option = "BeginsWith"
		}
		all = append(all, filter{val(f.Key), option, f.Values})
	}
	for _, f := range in.ParameterFilters {
		one, err := newFilter(f, "Path, Name, Type, KeyId, Tier", "Path", "Name", "Type", "KeyId", "Tier", "DataType")
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(other filter) bool { return other.key == one.key }) {
			return nil, badFilterKey("The following filter is duplicated in the request: %s. A request can contain only one occurrence of a specific filter.", one.key)
		}
		all = append(all, one)
	}
	return all, nil
}

// pathFilters are those of GetParametersByPath; labels choose versions.
func pathFilters(in []*api.ParameterStringFilter) (all filters, labels []string, err error) {
	for _, f := range in {
		one, err := newFilter(f, "Type, KeyId, Label", "Type", "KeyId", "Label", "DataType")
		if err != nil {
			return nil, nil, err
		}
		if one.key == "Label" {
			labels = append([]string{}, one.values...)
			continue
		}
		all = append(all, one)
	}
	return all, labels, nil
}

func newFilter(in *api.ParameterStringFilter, named string, keys ...string) (filter, error) {
	f := filter{val(in.Key), val(in.Option), in.Values}
	isTag := strings.HasPrefix(f.key, "tag:") && slices.Contains(keys, "Name")
	options := []string{"Equals", "BeginsWith"}
	otherwise := "Equals"
	switch f.key {
	case "Path":
		options, otherwise = []string{"Recursive", "OneLevel"}, "OneLevel"
	case "Name":
		options = append(options, "Contains")
	case "Label":
		options = []string{"Equals"}
	}
	if f.option == "" {
		f.option = otherwise
	}
	switch {
	case !isTag && !slices.Contains(keys, f.key):
		return f, badFilterKey("The following filter key is not valid: %s. Valid filter keys include: [%s].", f.key, named)
	case len(f.values) == 0 && !isTag:
		return f, awsapi.Errorf("InvalidFilterValue", "The following filter values are missing : null for filter key %s.", f.key)
	case !slices.Contains(options, f.option):
		return f, awsapi.Errorf("InvalidFilterOption", "The following filter option is not valid: %s. Valid options include: [%s].", f.option, strings.Join(options, ", "))
	case f.key == "Path" && slices.ContainsFunc(f.values, func(path string) bool { return !isPath(path) }):
		return f, badPath()
	}
	return f, nil
}

func badFilterKey(format string, args ...any) error {
	return awsapi.Errorf("InvalidFilterKey", format, args...)
}
