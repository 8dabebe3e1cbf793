package lint

import (
	"slices"
	"strings"
)

// federated checks an identity provider in a trust policy.
func (c *checker) federated(s, item value) {
	saml := strings.Contains(item.Text, ":saml-provider/")
	oidc := strings.Contains(item.Text, ":oidc-provider/")
	domain := !strings.Contains(item.Text, ":") && strings.Contains(item.Text, ".") && !strings.Contains(item.Text, " ")
	if !saml && !oidc && !domain {
		c.at(item, "INVALID_FEDERATED_PRINCIPAL_SYNTAX_IN_ROLE_TRUST_POLICY")
		return
	}
	c.actionsOf(s, item, saml)
	if s.allows() && !saml {
		provider := item.Text
		if _, after, found := strings.Cut(item.Text, ":oidc-provider/"); found {
			provider = after
		}
		c.claims(s, item, provider)
	}
}

// actionsOf reports actions by which a provider's people cannot take the role.
func (c *checker) actionsOf(s, item value, saml bool) {
	actions, negated, _ := s.either("Action")
	if negated {
		return
	}
	for _, a := range actions.texts() {
		switch action := strings.ToLower(a.Text); {
		case action == "sts:assumerole", action == "sts:assumerolewithsaml" && !saml, action == "sts:assumerolewithwebidentity" && saml:
			c.report("MISMATCHED_ACTION_FOR_PRINCIPAL", []Location{c.location(a), c.location(item)}, a.Text, item.Text)
		}
	}
}

const github = "token.actions.githubusercontent.com"

// claims reports an OpenID Connect provider whose every token opens the role.
func (c *checker) claims(s, item value, provider string) {
	condition, _ := s.get("Condition")
	keys := map[string]value{}
	for i := range condition.Members {
		operator := condition.member(&condition.Members[i])
		for j := range operator.Members {
			m := &operator.Members[j]
			if _, seen := keys[strings.ToLower(m.Name)]; !seen {
				keys[strings.ToLower(m.Name)] = operator.member(m)
			}
		}
	}
	own := func(key string) bool { return strings.HasPrefix(key, strings.ToLower(provider)+":") }
	found := false
	for key := range keys {
		found = found || own(key)
	}
	switch sub, ok := keys[github+":sub"]; {
	case provider == github && !ok:
		c.at(item, "MISSING_GITHUB_REPO_CONDITION_KEY")
	case provider == github && slices.ContainsFunc(sub.texts(), func(v value) bool { return anyRepository(v.Text) }):
		if _, branch := keys[github+":ref"]; !branch {
			c.at(sub, "SPECIFIC_GITHUB_REPO_AND_BRANCH_RECOMMENDED")
		}
	case !found:
		c.at(item, "MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL")
	}
}

// anyRepository says whether a subject is more than one repository and branch.
func anyRepository(sub string) bool { return strings.ContainsAny(sub, "*?") }
