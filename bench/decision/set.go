package decision

import (
	"encoding/json"
	"fmt"
	"strings"
)

// services and operations are what the statements speak of.
var (
	services   = []string{"s3", "dynamodb", "lambda", "sqs", "kms"}
	operations = []string{"GetThing", "ListThings", "PutThing", "DeleteThing", "TagThing"}
)

// statement is one rule, of which each engine has its own writing.
type statement struct {
	deny     bool
	actions  []string
	resource string   // a pattern in which * stands for anything
	teams    []string // the caller's team is one of them; empty: any
	network  string   // the caller's address lies within it; empty: anywhere
	secure   bool     // only over TLS
	depth    int      // the call's depth is less; 0: any
	verbatim string   // an IAM statement as it is, which only IAM has
}

// Set is a set of policies.
type Set struct{ policies [][]statement }

// NewSet makes policies of statements. Half of the statements have conditions,
// one in ten denies, and only the last of all allows Last.
func NewSet(policies, statements int) *Set {
	set := &Set{}
	for p := range policies {
		var all []statement
		for s := range statements {
			all = append(all, numbered(p, s))
		}
		set.policies = append(set.policies, all)
	}
	last := set.policies[policies-1]
	last[statements-1] = statement{actions: []string{"lambda:InvokeFunction"}, resource: "arn:aws:lambda:*:123456789012:function:app-*", teams: []string{"blue", "green"}, depth: 16}
	return set
}

func numbered(p, s int) statement {
	service := services[(p+s)%len(services)]
	first, second := operations[s%len(operations)], operations[(s+p+1)%len(operations)]
	st := statement{
		deny:     (p*5+s)%10 == 9,
		actions:  []string{service + ":" + first, service + ":" + second},
		resource: fmt.Sprintf("arn:aws:%s:*:123456789012:thing-%d-*/%d", service, p%4, s),
	}
	if s%2 == 0 {
		st.teams, st.network, st.secure = []string{"red", "blue"}, "10.0.0.0/8", true
	}
	return st
}

// Append adds a statement in IAM's language to the last policy, which the
// other languages do not get.
func (set *Set) Append(iam string) {
	last := &set.policies[len(set.policies)-1]
	*last = append((*last)[:len(*last)-1], statement{verbatim: iam})
}

// IAM returns the policies as IAM's documents.
func (set *Set) IAM() (documents []string) {
	for _, p := range set.policies {
		var all []string
		for _, s := range p {
			all = append(all, s.iam())
		}
		documents = append(documents, `{"Version":"2012-10-17","Statement":[`+strings.Join(all, ",")+`]}`)
	}
	return documents
}

func (s *statement) iam() string {
	if s.verbatim != "" {
		return s.verbatim
	}
	conditions := map[string]map[string]any{}
	if len(s.teams) > 0 {
		conditions["StringEquals"] = map[string]any{"aws:PrincipalTag/team": s.teams}
	}
	if s.network != "" {
		conditions["IpAddress"] = map[string]any{"aws:SourceIp": s.network}
	}
	if s.secure {
		conditions["Bool"] = map[string]any{"aws:SecureTransport": "true"}
	}
	if s.depth > 0 {
		conditions["NumericLessThan"] = map[string]any{"lambda:Depth": fmt.Sprint(s.depth)}
	}
	document := map[string]any{"Effect": map[bool]string{false: "Allow", true: "Deny"}[s.deny], "Action": s.actions, "Resource": s.resource}
	if len(conditions) > 0 {
		document["Condition"] = conditions
	}
	return marshal(document)
}

// Cedar returns the set in Cedar's language: a policy for each action of a
// statement, since cedar-go is several times slower at "action in [...]".
func (set *Set) Cedar() string {
	var b strings.Builder
	for _, p := range set.policies {
		for _, s := range p {
			effect := map[bool]string{false: "permit", true: "forbid"}[s.deny]
			for _, action := range s.actions {
				fmt.Fprintf(&b, "%s (principal, action == Action::%q, resource)\nwhen { %s };\n", effect, action, strings.Join(s.cedar(), " && "))
			}
		}
	}
	return b.String()
}

func (s *statement) cedar() []string {
	all := []string{fmt.Sprintf("context.resource like %q", s.resource)}
	if len(s.teams) > 0 {
		all = append(all, "["+strings.Join(quoted(s.teams), ", ")+"].contains(context.team)")
	}
	if s.network != "" {
		all = append(all, fmt.Sprintf("context.ip.isInRange(ip(%q))", s.network))
	}
	if s.secure {
		all = append(all, "context.secure")
	}
	if s.depth > 0 {
		all = append(all, fmt.Sprintf("context.depth < %d", s.depth))
	}
	return all
}

// Rego returns the set in OPA's language: a rule for each action of a
// statement, since OPA indexes rules that compare the action with ==.
func (set *Set) Rego() string {
	b := strings.Builder{}
	b.WriteString("package authz\n\ndefault allowed := false\ndefault denied := false\ndefault decision := false\n\ndecision if {\n\tallowed\n\tnot denied\n}\n")
	for _, p := range set.policies {
		for _, s := range p {
			for _, action := range s.actions {
				effect := map[bool]string{false: "allowed", true: "denied"}[s.deny]
				fmt.Fprintf(&b, "\n%s if {\n\tinput.action == %q\n\t%s\n}\n", effect, action, strings.Join(s.rego(), "\n\t"))
			}
		}
	}
	return b.String()
}

func (s *statement) rego() []string {
	all := []string{fmt.Sprintf("glob.match(%q, null, input.resource)", s.resource)}
	if len(s.teams) > 0 {
		all = append(all, "input.team in {"+strings.Join(quoted(s.teams), ", ")+"}")
	}
	if s.network != "" {
		all = append(all, fmt.Sprintf("net.cidr_contains(%q, input.ip)", s.network))
	}
	if s.secure {
		all = append(all, "input.secure")
	}
	if s.depth > 0 {
		all = append(all, fmt.Sprintf("input.depth < %d", s.depth))
	}
	return all
}

func quoted(all []string) (q []string) {
	for _, s := range all {
		q = append(q, fmt.Sprintf("%q", s))
	}
	return q
}

func marshal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, lists and maps of them always marshal
	}
	return string(text)
}
