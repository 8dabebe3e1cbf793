package policy

import "strings"

// statement is one compiled statement.
type statement struct {
	deny        bool
	sid         string
	start, end  Position // of its opening and behind its closing brace
	notAction   bool
	actions     []pattern // lower case
	notResource bool
	resources   []pattern // nil where the kind has no Resource: the policy's own
	principals  *principals
	conditions  []condition
}

// parts are a statement's elements before they are compiled.
type parts map[string]*member

func (c *compiler) statement(n node) (statement, error) {
	s := statement{start: c.lines.at(n.at), end: c.lines.at(n.end)}
	if n.kind != '{' {
		return s, faultf(n.at, "a statement must be a JSON object")
	}
	e, err := c.parts(n)
	if err != nil {
		return s, err
	}
	for _, step := range []func(*statement, node, parts) error{c.sid, c.effect, c.actions, c.resources, c.principals} {
		if err := step(&s, n, e); err != nil {
			return s, err
		}
	}
	if m := e["Condition"]; m != nil {
		s.conditions, err = c.conditions(m.value)
	}
	return s, err
}

func (c *compiler) parts(n node) (parts, error) {
	e := parts{}
	for i := range n.members {
		m := &n.members[i]
		switch m.name {
		case "Sid", "Effect", "Action", "NotAction", "Condition":
		case "Resource", "NotResource":
			if !c.kind.hasResource() {
				return nil, faultf(m.at, "%s must not have %s: the role that carries it is the resource", c.kind.indefinite(), m.name)
			}
		case "Principal", "NotPrincipal":
			if !c.kind.hasPrincipal() {
				return nil, faultf(m.at, "%s must not have %s: it speaks of whoever it is attached to", c.kind.indefinite(), m.name)
			}
		default:
			return nil, faultf(m.at, "a statement has no element %q", m.name)
		}
		e[m.name] = m
	}
	return e, nil
}

// either returns the one of an element and its negation that must be there.
func (e parts) either(n node, name string) (m *member, negated bool, err error) {
	yes, no := e[name], e["Not"+name]
	switch {
	case yes != nil && no != nil:
		return nil, false, faultf(no.at, "a statement must not have both %s and Not%s", name, name)
	case yes != nil:
		return yes, false, nil
	case no != nil:
		return no, true, nil
	}
	return nil, false, faultf(n.at, "the statement has neither %s nor Not%s", name, name)
}

// sid checks Sid: letters and digits only where IAM itself keeps the policy,
// unique in the policy; the empty Sid names nothing and may repeat.
func (c *compiler) sid(s *statement, _ node, e parts) error {
	m := e["Sid"]
	if m == nil {
		return nil
	}
	v := m.value
	if v.kind != '"' {
		return faultf(v.at, "Sid must be a string")
	}
	if c.kind != KindResource && !alphanumeric(v.text) {
		return faultf(v.at, "Sid may have letters and digits only")
	}
	if v.text != "" && c.sids[v.text] {
		return faultf(v.at, "Sid %q stands twice in the policy", v.text)
	}
	c.sids[v.text] = true
	s.sid = v.text
	return nil
}

func alphanumeric(s string) bool { return consistsOf(s, "") }

// consistsOf tells whether s has only ASCII letters, digits and the others.
func consistsOf(s, others string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if !digit(s[i]) && (c < 'a' || c > 'z') && strings.IndexByte(others, s[i]) < 0 {
			return false
		}
	}
	return true
}

func (c *compiler) effect(s *statement, n node, e parts) error {
	m := e["Effect"]
	if m == nil {
		return faultf(n.at, "the statement has no Effect")
	}
	switch {
	case m.value.kind == '"' && m.value.text == "Allow":
	case m.value.kind == '"' && m.value.text == "Deny":
		s.deny = true
	default:
		return faultf(m.value.at, `Effect must be "Allow" or "Deny"`)
	}
	return nil
}
