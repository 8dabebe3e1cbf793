package policy

import "strings"

// resources compiles Resource or NotResource. A wildcard in it matches any
// text, ':' and '/' included: the guide says that * at the end of a segment
// passes beyond its colon and advises against relying on where segments end
// (IAM User Guide, reference_policies_elements_resource.html); to match
// narrower than that in the middle of a segment would let a name with a colon
// in it slip through a Deny.
func (c *compiler) resources(s *statement, n node, e parts) error {
	if !c.kind.hasResource() {
		return nil
	}
	m, negated, err := e.either(n, "Resource")
	if err != nil {
		return err
	}
	items, err := texts(m.name, m.value)
	if err != nil {
		return err
	}
	s.notResource = negated
	for _, item := range items {
		p, err := c.resource(item)
		if err != nil {
			return err
		}
		s.resources = append(s.resources, p)
	}
	return nil
}

func (c *compiler) resource(item node) (pattern, error) {
	wild := item.text != "" && strings.Trim(item.text, "*") == ""
	if !wild && !strings.HasPrefix(item.text, "arn:") {
		return pattern{}, faultf(item.at, "resource %q must be an ARN or *", item.text)
	}
	p, err := c.pattern(item, true)
	if err != nil {
		return p, err
	}
	if p.variableBefore(5) {
		return p, faultf(item.at, "resource %q has a policy variable before the fifth colon, where AWS replaces none", item.text)
	}
	return p, nil
}
