package policy

// Match is a statement that determines a decision, and where it stands.
type Match struct {
	Policy    *Named
	Statement int      // from 0
	Start     Position // of the statement's opening brace
	End       Position // behind its closing brace
}

// Deciding returns the statements that determine a decision: of an explicit
// deny the one that denied, otherwise each statement of an identity policy or
// the resource's policy that allows. The pointers lead into ps.
func Deciding(ps *Policies, req *Request) []Match {
	if d := Evaluate(ps, req); d.Reason.Explicit() {
		return []Match{matched(d.Policy, d.Statement)}
	}
	var all []Match
	for i := range ps.Identity {
		all = allowing(all, &ps.Identity[i], req, layerIdentity)
	}
	if ps.Resource != nil {
		all = allowing(all, ps.Resource, req, layerResource)
	}
	for i := range ps.Grants {
		all = allowing(all, &ps.Grants[i], req, layerResource)
	}
	return all
}

func allowing(all []Match, n *Named, req *Request, l layer) []Match {
	if n.Policy == nil || !n.Policy.belongs(l.denies()) {
		return all
	}
	for i := range n.Policy.statements {
		if s := &n.Policy.statements[i]; !s.deny && s.evaluate(req) != grantNone {
			all = append(all, matched(n, i))
		}
	}
	return all
}

func matched(n *Named, i int) Match {
	s := &n.Policy.statements[i]
	return Match{Policy: n, Statement: i, Start: s.start, End: s.end}
}
