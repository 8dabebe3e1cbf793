package lint

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Type says how grave a finding is.
type Type string

// The types, gravest first, as Access Analyzer has them.
const (
	Error           Type = "ERROR"
	SecurityWarning Type = "SECURITY_WARNING"
	Warning         Type = "WARNING"
	Suggestion      Type = "SUGGESTION"
)

// Finding is one thing that is wrong with a policy.
type Finding struct {
	Type      Type       `json:"findingType"`
	Code      string     `json:"issueCode"`
	Message   string     `json:"findingDetails"`
	LearnMore string     `json:"learnMoreLink"`
	Locations []Location `json:"locations"`
}

// Location is a part of the policy that a finding is about.
type Location struct {
	Path Path `json:"path"`
	Span Span `json:"span"`
}

// Span reaches from a part's first character to the one behind its last.
type Span struct {
	Start Position `json:"start"`
	End   Position `json:"end"`
}

// Position is a place in the text: Line from 1, Column and Offset from 0. They
// count characters, not bytes.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Offset int `json:"offset"`
}

// Element is one step of a path: the value of a name, the name itself (Key), or
// an item of a list.
type Element struct {
	Value, Key string
	Index      int // of an item, from 0; -1 for a name
}

// MarshalJSON writes the element as Access Analyzer does.
func (e Element) MarshalJSON() ([]byte, error) {
	switch {
	case e.Index >= 0:
		return json.Marshal(map[string]int{"index": e.Index})
	case e.Key != "":
		return json.Marshal(map[string]string{"key": e.Key})
	}
	return json.Marshal(map[string]string{"value": e.Value})
}

// Path leads from the policy to a part of it.
type Path []Element

// String writes the path as Statement[0].Action.
func (p Path) String() string {
	var b strings.Builder
	for i, e := range p {
		switch {
		case e.Index >= 0:
			b.WriteString("[" + strconv.Itoa(e.Index) + "]")
		case i > 0:
			b.WriteString("." + e.Key + e.Value)
		default:
			b.WriteString(e.Key + e.Value)
		}
	}
	return b.String()
}
