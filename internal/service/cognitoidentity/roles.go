package cognitoidentity

import (
	"regexp"
	"slices"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidentity"
	"cloister/internal/door"
	"cloister/internal/oidc"
	"cloister/internal/store"
)

// The two kinds of callers, as roles are given to them and as trust policies ask
// for them (amr).
const (
	known   = "authenticated"
	unknown = "unauthenticated"
)

var roleARN = regexp.MustCompile(`^arn:aws:iam::\d{12}:role/.+$`)

func (s *Service) setRoles(c *door.Call, tx *store.Tx, in *api.SetIdentityPoolRolesInput) (*awsapi.None, error) {
	p, err := poolOf(c, tx, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	for _, kind := range keysOf(in.Roles) {
		if kind != known && kind != unknown || !roleARN.MatchString(in.Roles[kind]) {
			return nil, invalid("Roles are given to %s and %s callers, by their ARNs: %s.", known, unknown, kind)
		}
	}
	for _, provider := range keysOf(in.RoleMappings) {
		if err := checkMapping(in.RoleMappings[provider]); err != nil {
			return nil, err
		}
	}
	p.Roles, p.Mappings = in.Roles, in.RoleMappings
	return &awsapi.None{}, pools.Put(tx, store.K(p.ID), p)
}

func checkMapping(m *api.RoleMapping) error {
	rules := m.RulesConfiguration
	switch {
	case m.AmbiguousRoleResolution == nil:
		return invalid("AmbiguousRoleResolution is required for role mappings of type Token or Rules.")
	case val(m.Type) == api.RoleMappingTypeRules && (rules == nil || len(rules.Rules) == 0):
		return invalid("Rules are required for role mappings of type Rules.")
	case val(m.Type) == api.RoleMappingTypeToken && rules != nil:
		return invalid("Rules are for role mappings of type Rules only.")
	case rules == nil:
		return nil
	}
	for _, r := range rules.Rules {
		if !roleARN.MatchString(val(r.RoleARN)) {
			return invalid("%s is not the ARN of a role.", val(r.RoleARN))
		}
	}
	return nil
}

func (s *Service) getRoles(c *door.Call, r store.Reader, in *api.GetIdentityPoolRolesInput) (*api.GetIdentityPoolRolesResponse, error) {
	p, err := poolOf(c, r, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	return &api.GetIdentityPoolRolesResponse{IdentityPoolId: &p.ID, Roles: p.Roles, RoleMappings: p.Mappings}, nil
}

// passedRoles are the roles that an input gives callers, which its own caller has
// to be able to pass.
func passedRoles(in *api.SetIdentityPoolRolesInput) (roles []string) {
	add := func(arn string) {
		if arn != "" && !slices.Contains(roles, arn) {
			roles = append(roles, arn)
		}
	}
	for _, kind := range keysOf(in.Roles) {
		add(in.Roles[kind])
	}
	for _, provider := range keysOf(in.RoleMappings) {
		if m := in.RoleMappings[provider]; m != nil && m.RulesConfiguration != nil {
			for _, rule := range m.RulesConfiguration.Rules {
				if rule != nil {
					add(val(rule.RoleARN))
				}
			}
		}
	}
	return roles
}

// roleFor is the role of a caller
// (https://docs.aws.amazon.com/cognito/latest/developerguide/role-based-access-control.html).
// custom is the one that the caller asks for, of those that its token lists.
func (p *pool) roleFor(proofs []*proof, custom string) (string, error) {
	if len(proofs) == 0 {
		if custom != "" {
			return "", invalid("A custom role is for callers who are logged in.")
		}
		return p.role(unknown)
	}
	for _, one := range proofs {
		m := p.Mappings[one.provider+":"+one.client]
		if m == nil {
			m = p.Mappings[one.provider]
		}
		if m == nil || one.claims == nil {
			continue
		}
		if val(m.Type) == api.RoleMappingTypeToken && !userPool.MatchString(one.provider) {
			continue // whose roles are nobody's to give but a user pool's
		}
		role := mapped(m, one.claims, custom)
		switch {
		case role != "":
			return role, nil
		case custom != "" || val(m.AmbiguousRoleResolution) == api.AmbiguousRoleResolutionTypeDeny:
			return "", notAuthorized("Token is not from a supported provider of this identity pool's role mappings, or has no role.")
		}
		return p.role(known)
	}
	if custom != "" {
		return "", invalid("The pool has no role mapping for the caller's provider, which a custom role takes.")
	}
	return p.role(known)
}

func (p *pool) role(kind string) (string, error) {
	if role := p.Roles[kind]; role != "" {
		return role, nil
	}
	return "", awsapi.Errorf("InvalidIdentityPoolConfigurationException", "Invalid identity pool configuration. Check assigned IAM roles for this pool.")
}

// mapped is the role that a mapping gives a token, "" for none.
func mapped(m *api.RoleMapping, claims *oidc.Claims, custom string) string {
	if val(m.Type) == api.RoleMappingTypeRules {
		for _, rule := range m.RulesConfiguration.Rules {
			if custom == "" && matches(rule, claims) {
				return val(rule.RoleARN)
			}
		}
		return ""
	}
	roles, _ := claims.Texts("cognito:roles")
	if custom != "" {
		if slices.Contains(roles, custom) {
			return custom
		}
		return ""
	}
	if preferred, ok := claims.Texts("cognito:preferred_role"); ok && len(preferred) == 1 {
		return preferred[0]
	}
	if len(roles) == 1 {
		return roles[0]
	}
	return ""
}

// matches says whether a claim is as a rule wants it; of one with several values,
// one of them for Contains, and as a whole otherwise.
func matches(rule *api.MappingRule, claims *oidc.Claims) bool {
	value, ok := claims.Scalar(val(rule.Claim))
	if !ok {
		values, isList := claims.Texts(val(rule.Claim))
		if !isList || len(values) == 0 {
			return false
		}
		if val(rule.MatchType) == api.MappingRuleMatchTypeContains {
			return slices.Contains(values, val(rule.Value))
		}
		value = "[" + strings.Join(values, ", ") + "]"
	}
	switch want := val(rule.Value); val(rule.MatchType) {
	case api.MappingRuleMatchTypeEquals:
		return value == want
	case api.MappingRuleMatchTypeContains:
		return strings.Contains(value, want)
	case api.MappingRuleMatchTypeStartsWith:
		return strings.HasPrefix(value, want)
	case api.MappingRuleMatchTypeNotEqual:
		return value != want
	}
	return false
}
