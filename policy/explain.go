package policy

import (
	"encoding/base64"
	"slices"
	"unicode/utf8"
)

// Explanation tells a decision step by step; it marshals to JSON.
type Explanation struct {
	Allowed   bool   `json:"allowed"`
	Reason    string `json:"reason"`
	Message   string `json:"message,omitempty"` // AWS's wording, of a denial
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`

	// DecidedBy names the statement that decided; nil where none did.
	DecidedBy *StatementRef `json:"decidedBy,omitempty"`

	// Steps are the layers of policies in the order of evaluation.
	Steps []Step `json:"steps"`

	// Changes is the smallest change that would allow a denied request; see
	// Changes. It is empty where no change of policies is to be advised.
	Changes []Change `json:"changes,omitempty"`
}

// StatementRef points to a statement of a policy.
type StatementRef struct {
	Policy    string `json:"policy"`
	Statement int    `json:"statement"` // from 0
	Sid       string `json:"sid,omitempty"`
	Line      int    `json:"line"`
}

// Step is what one layer of policies says, such as all identity policies, or
// one level of an organisation.
type Step struct {
	Layer    string        `json:"layer"`
	Level    int           `json:"level,omitempty"` // from 1 at the root, of organisation policies
	Outcome  string        `json:"outcome"`         // "explicit deny", "allow", "implicit deny"
	Policies []PolicyTrace `json:"policies"`
}

// PolicyTrace is what one policy says.
type PolicyTrace struct {
	Name       string           `json:"name"`
	Outcome    string           `json:"outcome"` // as of a Step
	Statements []StatementTrace `json:"statements"`
}

// StatementTrace is what one statement says. A statement that does not apply
// names the first element that failed: Action, Resource, Principal or Condition;
// Kind stands for an Allow in a policy of a kind that has no place there.
type StatementTrace struct {
	StatementRef
	Effect     string           `json:"effect"`
	Applies    bool             `json:"applies"`
	Failed     string           `json:"failed,omitempty"`
	Names      string           `json:"names,omitempty"` // whom the Principal of one that applies names
	Conditions []ConditionTrace `json:"conditions,omitempty"`
}

// ConditionTrace is one condition with the values that it wanted and saw.
// Binary values are shown in base64, as policies write them.
type ConditionTrace struct {
	Operator string   `json:"operator"`
	Key      string   `json:"key"`
	Line     int      `json:"line"`
	Wanted   []string `json:"wanted"`
	Present  bool     `json:"present"`
	Seen     []string `json:"seen"`
	Holds    bool     `json:"holds"`
}

// Explain decides as Evaluate does and tells every policy and statement that
// applies or might have, with the conditions that failed.
func Explain(ps *Policies, req *Request) *Explanation {
	d := Evaluate(ps, req)
	return &Explanation{
		Allowed:   d.Allowed,
		Reason:    d.Reason.String(),
		Message:   d.Message(req),
		Principal: req.Principal.name(),
		Action:    req.Action,
		Resource:  req.Resource,
		DecidedBy: d.reference(),
		Steps:     Steps(ps, req),
		Changes:   Changes(ps, req),
	}
}

func (d Decision) reference() *StatementRef {
	if d.Policy == nil {
		return nil
	}
	r := reference(d.Policy, d.Statement)
	return &r
}

func reference(n *Named, i int) StatementRef {
	s := &n.Policy.statements[i]
	return StatementRef{Policy: n.Name, Statement: i, Sid: s.sid, Line: s.start.Line}
}

// Steps walks the layers that speak to this principal, in Evaluate's order: the
// part of Explain that says what was looked at.
func Steps(ps *Policies, req *Request) []Step {
	var all []Step
	if layerRCP.speaksTo(&req.Principal) {
		all = organization(layerRCP, ps.ResourceOrganization, req)
	}
	if layerSCP.speaksTo(&req.Principal) {
		all = append(all, organization(layerSCP, ps.Organization, req)...)
	}
	if ps.Resource != nil || len(ps.Grants) > 0 {
		all = append(all, resourceStep(ps, req))
	}
	if req.Principal.hasAccount() || len(ps.Identity) > 0 {
		all = append(all, step(layerIdentity, ps.Identity, req))
	}
	if ps.Boundary != nil {
		all = append(all, step(layerBoundary, []Named{*ps.Boundary}, req))
	}
	if needsSession(ps, req) {
		all = append(all, step(layerSession, ps.Session, req))
	}
	return all
}

func organization(l layer, levels [][]Named, req *Request) []Step {
	var all []Step
	for i, level := range levels {
		s := step(l, level, req)
		s.Level = i + 1
		all = append(all, s)
	}
	return all
}

// resourceStep tells the resource's policy and its grants.
func resourceStep(ps *Policies, req *Request) Step {
	s := step(layerResource, one(ps.Resource), req)
	for i := range ps.Grants {
		p := traceGrant(&ps.Grants[i], req)
		s.Outcome = stronger(s.Outcome, p.Outcome)
		s.Policies = append(s.Policies, p)
	}
	return s
}

// traceGrant is tracePolicy for what can only allow.
func traceGrant(n *Named, req *Request) PolicyTrace {
	t := tracePolicy(n, req, layerResource.denies())
	t.Outcome = outcomeImplicit
	for i := range t.Statements {
		st := &t.Statements[i]
		switch {
		case st.Applies && st.Effect == "Deny":
			st.Applies, st.Failed = false, "Kind"
		case st.Applies:
			t.Outcome = outcomeAllow
		}
	}
	return t
}

func step(l layer, policies []Named, req *Request) Step {
	s := Step{Layer: l.String(), Outcome: outcomeImplicit, Policies: []PolicyTrace{}}
	for i := range policies {
		p := tracePolicy(&policies[i], req, l.denies())
		s.Outcome = stronger(s.Outcome, p.Outcome)
		s.Policies = append(s.Policies, p)
	}
	return s
}

const (
	outcomeDeny     = "explicit deny"
	outcomeAllow    = "allow"
	outcomeImplicit = "implicit deny"
)

// stronger returns the outcome that wins: a deny over an allow over nothing.
func stronger(a, b string) string {
	switch {
	case a == outcomeDeny || b == outcomeDeny:
		return outcomeDeny
	case a == outcomeAllow || b == outcomeAllow:
		return outcomeAllow
	}
	return outcomeImplicit
}

func tracePolicy(n *Named, req *Request, denies Reason) PolicyTrace {
	t := PolicyTrace{Name: n.Name, Outcome: outcomeImplicit, Statements: []StatementTrace{}}
	if n.Policy == nil {
		return t
	}
	for i := range n.Policy.statements {
		st := n.Policy.statements[i].trace(req)
		if st.Effect == "Allow" && !n.Policy.belongs(denies) {
			st.Applies, st.Failed, st.Names = false, "Kind", ""
		}
		st.StatementRef = reference(n, i)
		t.Statements = append(t.Statements, st)
		switch {
		case st.Applies && st.Effect == "Deny":
			t.Outcome = stronger(t.Outcome, outcomeDeny)
		case st.Applies:
			t.Outcome = stronger(t.Outcome, outcomeAllow)
		}
	}
	return t
}

var grantNames = map[grant]string{grantAccount: "account", grantRole: "role", grantDirect: "caller"}

// trace says whether the statement applies and what keeps it from that.
// Conditions are told once everything before them fits.
func (s *statement) trace(req *Request) StatementTrace {
	t := StatementTrace{Effect: "Allow"}
	if s.deny {
		t.Effect = "Deny"
	}
	ctx := req.context()
	g := s.hasPrincipal(&req.Principal)
	switch {
	case !s.hasAction(req.Action):
		t.Failed = "Action"
	case !s.hasResource(req.Resource, ctx):
		t.Failed = "Resource"
	case g == grantNone:
		t.Failed = "Principal"
	default:
		t.Applies = s.traceConditions(&t, ctx)
	}
	if t.Applies && s.principals != nil && !s.deny {
		t.Names = grantNames[g]
	}
	return t
}

func (s *statement) traceConditions(t *StatementTrace, ctx Context) bool {
	for i := range s.conditions {
		c := &s.conditions[i]
		seen, present := ctx.Values(c.key)
		holds := c.holds(ctx, s.deny)
		if !holds {
			t.Failed = "Condition"
		}
		t.Conditions = append(t.Conditions, ConditionTrace{
			Operator: c.operator, Key: c.written, Line: c.line,
			Wanted: slices.Clone(c.values), Present: present, Seen: c.show(seen), Holds: holds,
		})
	}
	return t.Failed == ""
}

// show returns values that JSON can carry.
func (c *condition) show(seen []string) []string {
	shown := append([]string{}, seen...) // never null in JSON
	_, binary := c.operand.(binarySet)
	for i, v := range seen {
		if binary || !utf8.ValidString(v) {
			shown[i] = base64.StdEncoding.EncodeToString([]byte(v))
		}
	}
	return shown
}
