package lint

import (
	"slices"

	"cloister/policy"
)

// value is a JSON value and the way to it.
type value struct {
	policy.Node
	path Path
}

func (v value) member(m *policy.Member) value {
	return value{m.Value, append(slices.Clip(v.path), Element{Value: m.Name, Index: -1})}
}

// list is the value's items, or the value itself if it is no list.
func (v value) list() []value {
	if v.Kind != '[' {
		return []value{v}
	}
	all := make([]value, len(v.Items))
	for i := range v.Items {
		all[i] = value{v.Items[i], append(slices.Clip(v.path), Element{Index: i})}
	}
	return all
}

// texts is those of the value's items that are strings.
func (v value) texts() []value {
	return slices.DeleteFunc(v.list(), func(item value) bool { return item.Kind != '"' })
}

func (v value) get(name string) (value, bool) {
	for i := range v.Members {
		if v.Members[i].Name == name {
			return v.member(&v.Members[i]), true
		}
	}
	return value{}, false
}

// either returns an element or its negation.
func (v value) either(name string) (e value, negated, ok bool) {
	if e, ok = v.get(name); ok {
		return e, false, true
	}
	e, ok = v.get("Not" + name)
	return e, ok, ok
}

// allows says whether a statement has the effect Allow.
func (v value) allows() bool {
	effect, _ := v.get("Effect")
	return effect.Text == "Allow"
}

// strings checks that an element is a string or a list of strings.
func (c *checker) strings(v value) {
	for _, item := range v.list() {
		if item.Kind != '"' {
			c.at(item, "DATA_TYPE_MISMATCH", "string")
		}
	}
}
