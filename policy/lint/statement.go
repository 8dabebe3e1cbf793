package lint

import (
	"strings"

	"cloister/policy"
)

func (c *checker) statement(s value) {
	if s.Kind != '{' {
		c.at(s, "DATA_TYPE_MISMATCH", "object")
		return
	}
	for i := range s.Members {
		switch m := &s.Members[i]; m.Name {
		case "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition":
		default:
			c.report("INVALID_POLICY_ELEMENT", []Location{c.name(s, m)}, m.Name)
		}
	}
	for _, name := range []string{"Action", "Resource", "Principal"} {
		plain, both := s.get(name)
		if negated, ok := s.get("Not" + name); ok && both {
			c.report("UNSUPPORTED_ELEMENT_COMBINATION", []Location{c.location(plain), c.location(negated)}, name, "Not"+name)
		}
	}
	for _, check := range []func(value){
		c.sid, c.effect, c.actions, c.resources, c.principals, c.condition,
		c.permissions, c.serviceLinkedRoles, c.services, c.tagged, c.organization,
	} {
		check(s)
	}
}

func (c *checker) sid(s value) {
	v, ok := s.get("Sid")
	switch {
	case !ok:
	case v.Kind != '"':
		c.at(v, "DATA_TYPE_MISMATCH", "string")
	case v.Text == "":
		c.at(v, "EMPTY_SID_VALUE")
	case c.kind != policy.KindResource && strings.Trim(v.Text, alphanumeric) != "":
		c.at(v, "UNSUPPORTED_SID")
	case c.sids[v.Text]:
		c.at(v, "UNIQUE_SIDS_REQUIRED")
	default:
		c.sids[v.Text] = true
	}
}

const (
	digits       = "0123456789"
	alphanumeric = digits + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func (c *checker) effect(s value) {
	v, ok := s.get("Effect")
	switch {
	case !ok:
		c.at(s, "MISSING_EFFECT")
	case v.Kind != '"':
		c.at(v, "DATA_TYPE_MISMATCH", "string")
	case v.Text != "Allow" && v.Text != "Deny":
		c.at(v, "INVALID_EFFECT", v.Text)
	}
}

// organization checks what resource control policies must have to allow: all
// for everyone.
func (c *checker) organization(s value) {
	if c.kind != policy.KindResourceOrganization || !s.allows() {
		return
	}
	resource, negated, _ := s.either("Resource")
	_, conditional := s.get("Condition")
	if negated || resource.Kind == '"' && resource.Text != "*" || conditional {
		c.at(s, "RCP_SYNTAX_ERROR_ALLOW")
	}
}
