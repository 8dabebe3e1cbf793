package lint

import (
	"slices"
	"strings"

	"cloister/policy"
	"cloister/policy/catalog"
)

// tagged reports services whose requests never have the resource's tags, so that
// a statement with a condition on them neither allows nor denies there.
func (c *checker) tagged(s value) {
	condition, _ := s.get("Condition")
	for i := range condition.Members {
		block := condition.member(&condition.Members[i])
		for j := range block.Members {
			if m := &block.Members[j]; strings.HasPrefix(strings.ToLower(m.Name), "aws:resourcetag/") && parseOperator(condition.Members[i].Name).kind() != "Null" {
				c.unsupportedTag(s, c.name(block, m), m, parseOperator(condition.Members[i].Name))
				return
			}
		}
	}
}

func (c *checker) unsupportedTag(s value, at Location, m *policy.Member, o operator) {
	if o.negated() || o.ifExists { // it holds where there is no tag
		return
	}
	code := "DENY"
	if s.allows() {
		code = "ALLOW"
	}
	actions, negated, ok := s.either("Action")
	if !ok {
		return
	}
	if negated {
		c.report(code+"_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", []Location{c.location(actions), at}, m.Name)
		return
	}
	var services []string
	where := []Location{at}
	for _, a := range actions.texts() {
		prefix, _, _ := strings.Cut(strings.ToLower(a.Text), ":")
		known, ok := catalog.Find(prefix)
		if !ok || takesTags(known) {
			continue
		}
		if !slices.Contains(services, prefix) {
			services = append(services, prefix)
		}
		if len(where) < mostLocations {
			where = append(where, c.location(a))
		}
	}
	if services != nil {
		slices.Sort(services)
		c.report(code+"_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", where, m.Name, strings.Join(services, ", "))
	}
}

// takesTags says whether some request of the service has its resource's tags.
func takesTags(s *catalog.Service) bool {
	return slices.ContainsFunc(s.Keys, func(k catalog.Key) bool { return k.Is("aws:ResourceTag/key") })
}
