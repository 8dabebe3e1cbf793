package policy

import (
	"slices"
	"strings"
)

// MayAllow says whether the policy allows an action for some request: on some
// resource, to someone, if conditions hold. A Deny takes that away only where it
// is of everything, for everyone and without condition.
func (p *Policy) MayAllow(action string) bool {
	may := false
	for i := range p.statements {
		s := &p.statements[i]
		if !s.hasAction(action) {
			continue
		}
		if s.deny && s.ofEverything() {
			return false
		}
		may = may || !s.deny
	}
	return may
}

// AlwaysDenies says whether the policy denies an action whatever else a request is.
func (p *Policy) AlwaysDenies(action string) bool {
	for i := range p.statements {
		if s := &p.statements[i]; s.deny && s.hasAction(action) && s.ofEverything() {
			return true
		}
	}
	return false
}

// ofEverything says whether nothing but the action keeps the statement from
// applying.
func (s *statement) ofEverything() bool {
	if len(s.conditions) > 0 || s.notResource || s.principals != nil && (s.principals.negated || !s.principals.anyone) {
		return false
	}
	for i := range s.resources {
		if s.resources[i].shape == shapeAny {
			return true
		}
	}
	return s.resources == nil
}

// Services lists the prefixes of the actions that the policy's Allow statements
// name, in lower case, each once: not those that a wildcard stands for.
func (p *Policy) Services() []string {
	var all []string
	for i := range p.statements {
		s := &p.statements[i]
		for j := range s.actions {
			prefix, _, named := strings.Cut(s.actions[j].start(), ":")
			if named && !s.deny && !s.notAction && !slices.Contains(all, prefix) {
				all = append(all, prefix)
			}
		}
	}
	return all
}

// start is the text with which all that the pattern matches begins.
func (p *pattern) start() string {
	if p.shape == shapeAtoms && p.atoms[0].kind == atomText {
		return p.atoms[0].text
	}
	return p.text
}
