package lint

import (
	"strings"

	"cloister/policy"
)

// sources are the condition keys that say for whom a service acts.
var sources = []string{"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner"}

// services reports service principals that act for anybody (the confused deputy:
// IAM User Guide, confused-deputy.html). In a trust policy most services are not
// held to a source, and AWS does not ask for one.
func (c *checker) services(s value) {
	principal, negated, _ := s.either("Principal")
	named, ok := principal.get("Service")
	if !ok || negated || !s.allows() {
		return
	}
	if c.kind == policy.KindTrust {
		c.rolesAnywhere(s, named)
		return
	}
	if c.kind != policy.KindResource || conditioned(s, sources) {
		return
	}
	for _, item := range named.texts() {
		c.at(item, "RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL")
	}
}

func (c *checker) rolesAnywhere(s, named value) {
	have := map[string]bool{}
	actions, negated, _ := s.either("Action")
	for _, a := range actions.texts() {
		for _, needed := range []string{"sts:assumerole", "sts:setsourceidentity", "sts:tagsession"} {
			if glob(strings.ToLower(a.Text), needed) {
				have[needed] = true
			}
		}
	}
	for _, item := range named.texts() {
		if item.Text == "rolesanywhere.amazonaws.com" && !negated && len(have) < 3 {
			c.at(actions, "MISSING_ACTION_FOR_ROLES_ANYWHERE_TRUST_POLICY")
		}
	}
}
