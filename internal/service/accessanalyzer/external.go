package accessanalyzer

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/policy"
)

// memory remembers what was found in policies, so that looking again costs only
// where something changed. What nobody asked for since the last sweep is
// forgotten.
type memory struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*remembered
}

type remembered struct {
	grants []grant
	asked  bool
}

// external is external, remembered. Conditions on the time count by the day.
func (m *memory) external(need *door.Need, now time.Time) []grant {
	p := need.ResourcePolicy.Policy
	key := sha256.Sum256([]byte(p.Kind().String() + "\x00" + need.Account + "\x00" + need.Resource + "\x00" + now.UTC().Format(time.DateOnly) + "\x00" + string(p.Text())))
	m.mu.Lock()
	found, ok := m.known[key]
	if ok {
		found.asked = true
	}
	m.mu.Unlock()
	if ok {
		return found.grants
	}
	found = &remembered{external(need, now), true}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[[sha256.Size]byte]*remembered{}
	}
	m.known[key] = found
	return found.grants
}

func (m *memory) sweep() {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.known, func(_ [sha256.Size]byte, r *remembered) bool { return !r.asked })
	for _, r := range m.known {
		r.asked = false
	}
}

// grant is what a policy's statements give one outside principal, under the same
// conditions.
type grant struct {
	kind, name string // "AWS" "arn:…"
	condition  map[string]string
	statements []int // from 0
	actions    []string
	public     bool
}

// external finds who outside the account a resource's policy lets in. Conditions
// that an outsider can meet are taken to be met, and are told with the finding.
func external(need *door.Need, now time.Time) []grant {
	p := need.ResourcePolicy.Policy
	root, err := policy.ReadJSON(p.Text())
	if err != nil {
		return nil // it was parsed
	}
	public, err := guardrail.Public(p, need.Account, now)
	if err != nil {
		public = nil // told as any other outsider's access
	}
	look := &look{need: need, now: now, bare: sync.OnceValue(func() *policy.Policy { return unconditional(p) })}
	var found []grant
	for i, s := range root.Member("Statement").List() {
		if s.Member("Effect").Text != "Allow" {
			continue
		}
		look.statement, look.action = s, sampleAction(p, s)
		for _, who := range named(s) {
			g := grant{kind: who.kind, name: who.name, condition: conditions(s), statements: []int{i}, actions: actions(s), public: slices.Contains(public, i) && who.name == "*"}
			if g.public || look.letsIn(who) {
				found = merged(found, g)
			}
		}
	}
	return found
}

// look is what is looked at: one statement of a policy.
type look struct {
	need      *door.Need
	now       time.Time
	statement policy.Node
	action    string                // one that the statement allows
	bare      func() *policy.Policy // the policy without conditions, nil if nothing is left
}

// merged adds a grant to the one of the same principal under the same conditions.
func merged(all []grant, g grant) []grant {
	for i := range all {
		same := &all[i]
		if same.kind == g.kind && same.name == g.name && maps.Equal(same.condition, g.condition) {
			same.statements = append(same.statements, g.statements...)
			same.actions = slices.Compact(slices.Sorted(slices.Values(append(same.actions, g.actions...))))
			same.public = same.public || g.public
			return all
		}
	}
	return append(all, g)
}

// who is a principal as a policy names it.
type who struct{ kind, name string }

// named lists whom a statement lets in. NotPrincipal lets in everybody else.
func named(s policy.Node) []who {
	principal := s.Member("Principal")
	switch {
	case s.Member("NotPrincipal").Kind != 0, principal.Kind == '"':
		return []who{{"AWS", "*"}}
	}
	var all []who
	for _, m := range principal.Members {
		for _, item := range m.Value.List() {
			all = append(all, who{m.Name, item.Text})
		}
	}
	return all
}

func actions(s policy.Node) []string {
	var all []string
	for _, name := range []string{"Action", "NotAction"} {
		for _, item := range s.Member(name).List() {
			if name == "NotAction" {
				all = append(all, "*")
				break
			}
			all = append(all, item.Text)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// conditions is a statement's conditions, as findings tell them.
func conditions(s policy.Node) map[string]string {
	all := map[string]string{}
	for _, operator := range s.Member("Condition").Members {
		for _, key := range operator.Value.Members {
			var values []string
			for _, v := range key.Value.List() {
				values = append(values, v.Text)
			}
			all[key.Name] = strings.Join(values, ",")
		}
	}
	return all
}

// letsIn says whether the policy lets a principal of the statement in, as an
// outsider that meets the statement's conditions if one can.
func (l *look) letsIn(w who) bool {
	guest, ok := outsider(l.need, l.statement, w, l.now)
	if !ok || l.action == "" {
		return false
	}
	guest.Action = l.action
	if guest.Principal.Kind == policy.PrincipalFederated {
		guest.Action = federatedAction(l.statement)
	}
	guest.Resource, guest.ResourceAccount, guest.ResourcePolicyRequired = l.need.Resource, l.need.Account, l.need.ResourcePolicyRequired
	allowed := func(p *policy.Policy) bool {
		return policy.Evaluate(&policy.Policies{Identity: anything, Resource: &policy.Named{Policy: p}}, guest).Allowed
	}
	if allowed(l.need.ResourcePolicy.Policy) {
		return true
	}
	// Conditions that could not be met by trying are taken to hold where they
	// allow, and not to where they deny: an outsider may know better.
	return !enclosed(l.statement, l.need.Account) && l.bare() != nil && allowed(l.bare())
}

// anything is what outsiders may do in their own account.
var anything = []policy.Named{{Policy: mustParse(policy.KindIdentity, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}}

func mustParse(kind policy.Kind, text string) *policy.Policy {
	p, err := policy.Parse(kind, []byte(text))
	if err != nil {
		panic(err) // part of the program
	}
	return p
}

// sampleAction is an action that a statement allows, "" for none.
func sampleAction(p *policy.Policy, s policy.Node) string {
	if p.Kind() == policy.KindTrust {
		return "sts:AssumeRole"
	}
	single := mustParse(policy.KindIdentity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":`+string(mustJSON(actions(s)))+`,"Resource":"*"}}`)
	sample, _, _, err := single.Sample()
	if err != nil {
		return ""
	}
	for _, action := range sample {
		if single.MayAllow(action) {
			return action
		}
	}
	return ""
}

// federatedAction is the action by which a provider's people take a role.
func federatedAction(s policy.Node) string {
	for _, a := range s.Member("Action").List() {
		if strings.HasPrefix(strings.ToLower(a.Text), "sts:assumerolewith") {
			return strings.TrimRight(a.Text, "*")
		}
	}
	return "sts:AssumeRoleWithWebIdentity"
}

// unconditional is a policy without its conditions, and without the denials that
// had one; nil if nothing is left.
func unconditional(p *policy.Policy) *policy.Policy {
	root, err := policy.ReadJSON(p.Text())
	if err != nil {
		return nil // it was parsed
	}
	var kept []string
	for _, s := range root.Member("Statement").List() {
		var members []string
		for _, m := range s.Members {
			if m.Name != "Condition" {
				members = append(members, string(p.Text()[m.At:m.Value.End]))
			}
		}
		if len(members) == len(s.Members) || s.Member("Effect").Text == "Allow" {
			kept = append(kept, "{"+strings.Join(members, ",")+"}")
		}
	}
	bare, err := policy.Parse(p.Kind(), []byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(kept, ",")+`]}`))
	if err != nil {
		return nil // nothing is left
	}
	return bare
}
