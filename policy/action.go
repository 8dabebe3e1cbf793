package policy

import "strings"

// actions compiles Action or NotAction. Both parts of an action are matched
// without regard to case (IAM User Guide, reference_policies_elements_action.html).
func (c *compiler) actions(s *statement, n node, e parts) error {
	m, negated, err := e.either(n, "Action")
	if err != nil {
		return err
	}
	if negated && (c.kind == KindTrust || c.kind == KindResourceOrganization) {
		return faultf(m.at, "%s must not have NotAction", c.kind.indefinite())
	}
	items, err := texts(m.name, m.value)
	if err != nil {
		return err
	}
	s.notAction = negated
	for _, item := range items {
		if err := c.action(item); err != nil {
			return err
		}
		s.actions = append(s.actions, compileAction(item.text))
	}
	return nil
}

func (c *compiler) action(item node) error {
	service, name, prefixed := strings.Cut(item.text, ":")
	wild := item.text != "" && strings.Trim(item.text, "*?") == ""
	switch {
	case c.kind == KindTrust && !strings.EqualFold(service, "sts"):
		return faultf(item.at, "a trust policy may name STS's AssumeRole actions only, such as \"sts:AssumeRole\"")
	case wild:
		return nil
	case !prefixed || service == "" || name == "":
		return faultf(item.at, "action %q must be written service:Action, or *", item.text)
	case !actionText(service) || !actionText(name):
		return faultf(item.at, "action %q has a character that no action has", item.text)
	}
	return nil
}

func actionText(s string) bool { return consistsOf(s, "*?-_.") }
