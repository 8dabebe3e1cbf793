package reason

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// statement is a statement as these documents write it. What a policy leaves out
// is an empty list.
type statement struct {
	ID              string          `json:"statementId"`
	Effect          string          `json:"effect"`
	Principals      list[value]     `json:"principals"`
	PrincipalGroups list[value]     `json:"principalGroups"`
	Actions         list[value]     `json:"actions"`
	Resources       list[value]     `json:"resources"`
	Conditions      list[condition] `json:"conditions"`
}

// matched reads the statement that denied.
func matched(text json.RawMessage) []statement {
	var s struct {
		Sid                                      string
		Principal, NotPrincipal                  any
		Action, NotAction, Resource, NotResource any
		Condition                                map[string]map[string]any
	}
	if text == nil || json.Unmarshal(text, &s) != nil {
		return nil
	}
	return []statement{{
		ID: s.Sid, Effect: "DENY",
		Principals:      listOf(append(texts("", s.Principal), texts("not ", s.NotPrincipal)...)),
		PrincipalGroups: listOf[value](nil),
		Actions:         listOf(append(texts("", s.Action), texts("not ", s.NotAction)...)),
		Resources:       listOf(append(texts("", s.Resource), texts("not ", s.NotResource)...)),
		Conditions:      listOf(operators(s.Condition)),
	}}
}

// texts flattens what may be a text, a list, or an object of them.
func texts(prefix string, v any) (all []value) {
	switch v := v.(type) {
	case nil:
	case []any:
		for _, item := range v {
			all = append(all, texts(prefix, item)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, texts(prefix, v[key])...)
		}
	default:
		all = append(all, value{prefix + fmt.Sprint(v)})
	}
	return all
}

// operators gives the conditions, each with its operator before its key.
func operators(of map[string]map[string]any) (all []condition) {
	for _, operator := range slices.Sorted(maps.Keys(of)) {
		for _, key := range slices.Sorted(maps.Keys(of[operator])) {
			all = append(all, condition{operator + " " + key, listOf(texts("", of[operator][key]))})
		}
	}
	return all
}
