package generate

import (
	"bytes"

	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// statement allows actions on resources, both sorted.
type statement struct{ actions, resources []string }

// cover covers the uses by statements, one for each set of resources.
func cover(seen uses, s *step) ([]statement, []Widening) {
	bySet := map[string]*statement{}
	widened := map[string]*Widening{}
	for _, action := range seen.actions() {
		var resources []string
		for _, f := range widen(seen[action], s) {
			resources = append(resources, f.text)
			if f.widened {
				w := widened[f.text]
				if w == nil {
					w = &Widening{Pattern: f.text}
					widened[f.text] = w
				}
				w.Seen, w.Actions = max(w.Seen, f.seen), append(w.Actions, action)
			}
		}
		slices.Sort(resources)
		key := strings.Join(resources, "\x00")
		if bySet[key] == nil {
			bySet[key] = &statement{resources: resources}
		}
		bySet[key].actions = append(bySet[key].actions, action)
	}
	var statements []statement
	for _, st := range bySet {
		statements = append(statements, *st)
	}
	slices.SortFunc(statements, func(a, b statement) int { return strings.Compare(a.actions[0], b.actions[0]) })
	var patterns []Widening
	for _, key := range slices.Sorted(maps.Keys(widened)) {
		patterns = append(patterns, *widened[key])
	}
	return statements, patterns
}

// pack writes the statements into as few policies as keep the size, in order.
func pack(statements []statement, size int) []string {
	var texts []string
	var open []statement
	used := empty
	for len(statements) > 0 {
		st := statements[0]
		need := st.size() + 1 // with the comma
		if empty+need > size {
			if halves, ok := st.halves(); ok {
				statements = append(halves, statements[1:]...)
				continue
			}
		}
		if used+need > size && len(open) > 0 {
			texts, open, used = append(texts, document(open)), nil, empty
		}
		open, used, statements = append(open, st), used+need, statements[1:]
	}
	if len(open) > 0 {
		texts = append(texts, document(open))
	}
	return texts
}

// empty is the size of a policy without statements.
const empty = len(`{"Version":"2012-10-17","Statement":[]}`)

// size counts characters, those of white space too, which is more than IAM does.
func (s *statement) size() int { return utf8.RuneCount(s.json()) }

func (s *statement) json() []byte {
	text := marshal(struct {
		Effect           string
		Action, Resource any
	}{"Allow", one(s.actions), one(s.resources)})
	return text
}

// halves splits a statement that is too long for any policy.
func (s *statement) halves() ([]statement, bool) {
	if n := len(s.resources) / 2; n > 0 {
		return []statement{{s.actions, s.resources[:n]}, {s.actions, s.resources[n:]}}, true
	}
	if n := len(s.actions) / 2; n > 0 {
		return []statement{{s.actions[:n], s.resources}, {s.actions[n:], s.resources}}, true
	}
	return nil, false
}

func one(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func document(statements []statement) string {
	var all []json.RawMessage
	for i := range statements {
		all = append(all, statements[i].json())
	}
	var b bytes.Buffer
	text := marshal(struct {
		Version   string
		Statement []json.RawMessage
	}{"2012-10-17", all})
	if err := json.Indent(&b, text, "", "  "); err != nil {
		panic(err) // it was just made
	}
	return b.String()
}

// marshal writes strings and lists of them, without escapes for HTML.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // there is nothing in it that JSON has not
	}
	return bytes.TrimSpace(b.Bytes())
}
