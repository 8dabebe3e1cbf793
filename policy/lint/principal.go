package lint

import (
	"slices"
	"strings"

	"cloister/policy"
)

// hasPrincipal says whether policies of the kind name principals.
func (c *checker) hasPrincipal() bool {
	return c.kind == policy.KindResource || c.kind == policy.KindTrust || c.kind == policy.KindResourceOrganization
}

func (c *checker) principals(s value) {
	v, negated, ok := s.either("Principal")
	switch {
	case ok && c.kind == policy.KindOrganization:
		c.at(v, "SCP_SYNTAX_ERROR_PRINCIPAL")
	case ok && !c.hasPrincipal():
		c.at(v, "UNSUPPORTED_PRINCIPAL", "IDENTITY_POLICY")
	case !c.hasPrincipal():
	case !ok:
		c.at(s, "MISSING_PRINCIPAL")
	case c.kind == policy.KindResourceOrganization:
		if negated || !everyone(v) {
			c.at(v, "RCP_SYNTAX_ERROR_PRINCIPAL")
		}
	case negated && c.kind == policy.KindTrust:
		c.at(v, "ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL")
	default:
		if negated && s.allows() {
			c.at(v, "ALLOW_WITH_NOT_PRINCIPAL")
		}
		c.principal(s, v)
	}
}

// everyone says whether a principal element is "*", in either form.
func everyone(v value) bool {
	if v.Kind == '"' {
		return v.Text == "*"
	}
	aws, ok := v.get("AWS")
	return ok && slices.ContainsFunc(aws.texts(), func(item value) bool { return item.Text == "*" })
}

func (c *checker) principal(s, v value) {
	switch {
	case v.Kind == '"' && v.Text == "*":
		if c.kind == policy.KindTrust {
			c.at(v, "ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL")
		}
		c.public(s, v)
		return
	case v.Kind != '{':
		c.at(v, "INVALID_PRINCIPAL_FORMAT")
		return
	case len(v.Members) == 0:
		c.at(v, "EMPTY_OBJECT_PRINCIPAL")
	}
	for i := range v.Members {
		m := &v.Members[i]
		named := v.member(m)
		if !slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, m.Name) {
			c.report("INVALID_PRINCIPAL_KEY", []Location{c.name(v, m)}, m.Name)
			continue
		}
		if named.Kind == '[' && len(named.Items) == 0 {
			c.at(named, "EMPTY_ARRAY_PRINCIPAL")
		}
		c.strings(named)
		for _, item := range named.texts() {
			c.named(s, item, m.Name)
		}
	}
	c.sessionsOfRoles(v)
}

func (c *checker) named(s, item value, key string) {
	text := item.Text
	switch {
	case strings.Contains(text, "${"):
		c.at(item, "VARIABLE_UNSUPPORTED_IN_ELEMENT", text[strings.Index(text, "${"):])
	case key == "AWS" && text == "*":
		c.public(s, item)
	case strings.ContainsAny(text, "*?"):
		c.at(item, "UNSUPPORTED_WILDCARD_IN_PRINCIPAL", key)
	case key == "AWS" && strings.HasPrefix(text, "AROA"):
		c.at(item, "INVALID_ROLE_REFERENCE", text)
	case key == "AWS" && strings.HasPrefix(text, "AIDA"):
		c.at(item, "INVALID_USER_REFERENCE", text)
	case key == "Federated" && c.kind != policy.KindTrust:
		c.at(item, "FEDERATED_PRINCIPAL_NOT_SUPPORTED")
	case key == "Federated":
		c.federated(s, item)
	case key == "Service" && !serviceName(text):
		c.at(item, "INVALID_SERVICE_PRINCIPAL_FORMAT", "service-name.amazonaws.com")
	}
}

func serviceName(s string) bool {
	return strings.HasSuffix(strings.TrimSuffix(s, ".cn"), ".amazonaws.com") || strings.HasSuffix(s, ".amazon.com") || strings.HasSuffix(s, ".internal")
}

// sessionsOfRoles reports sessions beside their role, which are let in with it.
func (c *checker) sessionsOfRoles(v value) {
	aws, ok := v.get("AWS")
	if !ok || c.kind != policy.KindTrust {
		return
	}
	roles := map[string]bool{}
	for _, item := range aws.texts() {
		roles[item.Text] = true
	}
	for _, item := range aws.texts() {
		f := strings.SplitN(item.Text, ":", arnFields)
		if len(f) < arnFields || f[2] != "sts" || !strings.HasPrefix(f[5], "assumed-role/") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(f[5], "assumed-role/"), "/")
		if parent := "arn:" + f[1] + ":iam::" + f[4] + ":role/" + name; roles[parent] {
			c.at(item, "REDUNDANT_PRINCIPAL_IN_ROLE_TRUST_POLICY", item.Text, parent)
		}
	}
}

// limits are the condition keys that keep a statement for everyone from being
// public (S3 User Guide, access-control-block-public-access.html, "The meaning of
// public", with the organisations' and the caller's own keys).
var limits = append([]string{
	"aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths", "aws:userid", "aws:username",
	"aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:sourcevpcarn", "aws:vpcsourceip", "aws:vpceaccount", "aws:vpceorgid",
	"lambda:functionurlauthtype", "lambda:eventsourcetoken", "sts:externalid",
}, sources...)

// public reports an Allow for everyone that no condition narrows.
func (c *checker) public(s, v value) {
	if _, negated, _ := s.either("Principal"); s.allows() && !negated && !conditioned(s, limits) {
		c.at(v, "CLOISTER_PUBLIC_PRINCIPAL")
	}
}

// conditioned says whether an affirmative operator limits one of the keys.
func conditioned(s value, keys []string) bool {
	condition, _ := s.get("Condition")
	for i := range condition.Members {
		operator := &condition.Members[i]
		if strings.Contains(operator.Name, "Not") || strings.HasSuffix(operator.Name, "IfExists") || strings.HasPrefix(operator.Name, "ForAllValues:") || operator.Name == "Null" {
			continue
		}
		for j := range operator.Value.Members {
			m := &operator.Value.Members[j]
			if slices.Contains(keys, strings.ToLower(m.Name)) && narrows(value{Node: m.Value}) {
				return true
			}
		}
	}
	return false
}

// narrows says whether no value stands for everything.
func narrows(v value) bool {
	for _, item := range v.list() {
		if strings.Trim(item.Text, "*?:") == "" || strings.Trim(item.Text, "*:") == "arn" || strings.HasSuffix(item.Text, "/0") {
			return false
		}
	}
	return true
}
