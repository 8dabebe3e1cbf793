package lint

import (
	"slices"
	"strings"

	"cloister/policy"
	"cloister/policy/catalog"
)

func (c *checker) actions(s value) {
	v, negated, ok := s.either("Action")
	switch {
	case !ok:
		c.at(s, "MISSING_ACTION")
		return
	case v.Kind == '[' && len(v.Items) == 0:
		c.at(v, "EMPTY_ARRAY_ACTION")
		return
	case negated && c.kind == policy.KindResourceOrganization:
		c.at(v, "RCP_SYNTAX_ERROR_NOTACTION")
	}
	c.strings(v)
	for _, item := range v.texts() {
		c.action(item)
	}
	c.redundant(v.texts(), "REDUNDANT_ACTION", strings.ToLower)
}

// action checks one action, or pattern of actions.
func (c *checker) action(v value) {
	service, name, prefixed := strings.Cut(v.Text, ":")
	switch wild := v.Text != "" && strings.Trim(v.Text, "*?") == ""; {
	case strings.Contains(v.Text, "${"):
		c.at(v, "VARIABLE_UNSUPPORTED_IN_ELEMENT", v.Text[strings.Index(v.Text, "${"):])
		return
	case c.kind == policy.KindTrust && !strings.EqualFold(service, "sts"):
		c.at(v, "UNSUPPORTED_ACTION_IN_POLICY", v.Text, "AWS::IAM::Role")
		return
	case wild:
		return
	case !prefixed || service == "" || name == "":
		c.at(v, "INVALID_ACTION", v.Text, "")
		return
	case strings.ContainsAny(service, "*?"):
		c.at(v, "WILDCARD_IN_SERVICE_NAME")
		return
	}
	c.exists(v, strings.ToLower(service), strings.ToLower(name))
}

// own is the prefix of this platform's own actions, which AWS has not.
const own = "cloister"

// exists reports what none of the catalogue's actions is or matches.
func (c *checker) exists(v value, service, name string) {
	if service == own {
		return
	}
	known, ok := catalog.Find(service)
	if !ok {
		c.at(v, "INVALID_SERVICE_IN_ACTION", v.Text, meant(service, catalog.Prefixes()))
		return
	}
	if _, ok := known.Action(name); ok {
		return
	}
	if strings.ContainsAny(name, "*?") {
		if slices.ContainsFunc(known.Actions, func(a catalog.Action) bool { return glob(name, strings.ToLower(a.Name)) }) {
			return
		}
	}
	names := make([]string, len(known.Actions))
	for i := range known.Actions {
		names[i] = service + ":" + known.Actions[i].Name
	}
	c.at(v, "INVALID_ACTION", v.Text, meant(service+":"+name, names))
}

// meant is what someone may have meant who wrote what does not exist.
func meant(wrong string, known []string) string {
	for _, right := range known {
		if near(wrong, strings.ToLower(right)) {
			return " Did you mean " + right + "?"
		}
	}
	return ""
}

// near tells whether a and b differ by one character more, less or other.
func near(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	switch len(a) - len(b) {
	case 0:
		return len(a) > 0 && a[1:] == b[1:]
	case 1:
		return a[1:] == b
	case -1:
		return a == b[1:]
	}
	return false
}
