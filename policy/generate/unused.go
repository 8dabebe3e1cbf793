package generate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cloister/policy"
)

// Named is a policy that someone has.
type Named struct{ Name, Document string }

// Grant says how far what a policy grants was used. A policy without
// statements that allow has none.
type Grant struct {
	Policy    string
	Used      bool        // something that was used is allowed by it
	Statement []Statement // those that allow, in order
}

// Statement says which parts of a statement that allows were never used.
// Conditions and policy variables are taken to hold.
type Statement struct {
	Index     int // from 0
	Sid       string
	Used      bool
	Actions   []string // patterns that no use needed, as written
	Resources []string
}

// Granted compares what policies grant with what was used.
func Granted(policies []Named, all []Use) ([]Grant, error) {
	seen, _ := writable(all)
	var grants []Grant
	for _, p := range policies {
		g, err := granted(p, seen)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		grants = append(grants, g)
	}
	return grants, nil
}

// written is a statement as it is written.
type written struct {
	Sid                                      string
	Effect                                   string
	Action, NotAction, Resource, NotResource list
}

// list is a string or a list of strings.
type list []string

// UnmarshalJSON implements json.Unmarshaler.
func (l *list) UnmarshalJSON(text []byte) error {
	var single string
	if json.Unmarshal(text, &single) == nil {
		*l = list{single}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

func granted(p Named, seen uses) (Grant, error) {
	g := Grant{Policy: p.Name}
	statements, err := readStatements(p.Document)
	if err != nil {
		return g, err
	}
	for i, w := range statements {
		if w.Effect != "Allow" {
			continue
		}
		s := w.against(seen)
		s.Index, s.Sid = i, w.Sid
		g.Used = g.Used || s.Used
		g.Statement = append(g.Statement, s)
	}
	return g, nil
}

// readStatements reads the statements of a document that is a policy.
func readStatements(document string) ([]written, error) {
	if _, err := policy.Parse(policy.KindIdentity, []byte(document)); err != nil {
		return nil, err
	}
	var body struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(document), &body); err != nil {
		return nil, err
	}
	if body.Statement[0] == '{' {
		body.Statement = slices.Concat([]byte("["), body.Statement, []byte("]"))
	}
	var all []written
	return all, json.Unmarshal(body.Statement, &all)
}

// against finds which parts of a statement the uses needed.
func (w *written) against(seen uses) Statement {
	actions, resources := compileEach("Action", w.Action), compileEach("Resource", w.Resource)
	whole := compileWhole(w)
	var s Statement
	for action, on := range seen {
		for resource := range on {
			req := request(action, resource)
			if whole == nil || !allows(whole, req) {
				continue
			}
			s.Used = true
			mark(actions, req)
			mark(resources, req)
		}
	}
	s.Actions, s.Resources = unmarked(actions), unmarked(resources)
	return s
}

// part is one pattern of a statement, alone in a policy.
type part struct {
	text   string
	policy *policy.Policy
	used   bool
}

func compileEach(element string, patterns []string) []*part {
	var all []*part
	for _, text := range patterns {
		other := `"Resource":"*"`
		if element == "Resource" {
			other = `"Action":"*"`
		}
		all = append(all, &part{text: text, policy: compile(`"` + element + `":` + quote(free(text, element)) + `,` + other)})
	}
	return all
}

// compileWhole is the statement without its conditions.
func compileWhole(w *written) *policy.Policy {
	element := func(name string, patterns list, not list) string {
		if patterns == nil {
			name, patterns = "Not"+name, not
		}
		var quoted []string
		for _, p := range patterns {
			quoted = append(quoted, quote(free(p, name)))
		}
		return `"` + name + `":[` + strings.Join(quoted, ",") + `]`
	}
	return compile(element("Action", w.Action, w.NotAction) + "," + element("Resource", w.Resource, w.NotResource))
}

func compile(elements string) *policy.Policy {
	p, err := policy.Parse(policy.KindIdentity, []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow",`+elements+`}}`))
	if err != nil {
		return nil
	}
	return p
}

func quote(s string) string { return string(marshal(s)) }

// free lets each policy variable of a resource stand for anything: who holds
// the policy is not asked. In a NotResource it stands for nothing.
func free(text, element string) string {
	if strings.HasSuffix(element, "Action") || element == "NotResource" {
		return text
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "${")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		body, after, _ := strings.Cut(rest, "}")
		if fixed := body == "*" || body == "?" || body == "$"; fixed {
			b.WriteString("${" + body + "}")
		} else {
			b.WriteString("*")
		}
		text = after
	}
}

func mark(parts []*part, req *policy.Request) {
	for _, p := range parts {
		p.used = p.used || p.policy == nil || allows(p.policy, req)
	}
}

func unmarked(parts []*part) []string {
	var all []string
	for _, p := range parts {
		if !p.used {
			all = append(all, p.text)
		}
	}
	return all
}

func allows(p *policy.Policy, req *policy.Request) bool {
	return policy.Evaluate(&policy.Policies{Identity: []policy.Named{{Policy: p}}}, req).Allowed
}
