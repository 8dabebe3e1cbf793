package policy

// SpeaksTo tells whether a statement of a resource's policy allows an action to
// a principal under some condition: if it tells false, the policy allows that to
// nobody of the kind, whatever else a request says.
func (p *Policy) SpeaksTo(who *Principal, action string) bool {
	for i := range p.statements {
		s := &p.statements[i]
		if !s.deny && s.principals != nil && s.hasAction(action) && s.principals.grants(who) != grantNone {
			return true
		}
	}
	return false
}
