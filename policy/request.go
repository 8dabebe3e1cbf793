package policy

import "strings"

// PrincipalKind says what kind of caller makes a request.
type PrincipalKind uint8

// The kinds of principals.
const (
	PrincipalAnonymous PrincipalKind = iota
	PrincipalRoot
	PrincipalUser
	PrincipalAssumedRole
	PrincipalFederatedUser // a session from GetFederationToken
	PrincipalService
	PrincipalFederated // someone whom only an identity provider knows yet (AssumeRoleWithWebIdentity)
)

// Principal is who makes a request. The zero Principal is the anonymous one.
type Principal struct {
	Kind    PrincipalKind
	ARN     string // of a role session: arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION
	Account string
	RoleARN string // of the role behind an assumed-role session, or the user behind a federated one
	Service string // "lambda.amazonaws.com", of a service principal
	UserID  string // unique id, of a role session ROLEID:SESSION

	Provider    string // of PrincipalFederated: the provider's ARN, or its name as policies write it
	CanonicalID string // canonical user id of the account
}

// hasAccount tells whether the principal belongs to an account, so that the
// account's policies can speak for it.
func (p *Principal) hasAccount() bool {
	switch p.Kind {
	case PrincipalRoot, PrincipalUser, PrincipalAssumedRole, PrincipalFederatedUser:
		return true
	}
	return false
}

// aboveOrganization tells whether the principal is a session of a
// service-linked role, which no policy of an organisation limits (Organizations
// User Guide, orgs_manage_policies_scps and orgs_manage_policies_rcps). Whoever
// makes roles must keep their path from everyone else.
func (p *Principal) aboveOrganization() bool {
	kind, path, _ := strings.Cut(p.RoleARN, "/")
	return p.Kind == PrincipalAssumedRole && strings.HasSuffix(kind, ":role") && strings.HasPrefix(path, "aws-service-role/")
}

// name is what messages call the principal.
func (p *Principal) name() string {
	switch {
	case p.ARN != "":
		return p.ARN
	case p.Service != "":
		return p.Service
	case p.Provider != "":
		return p.Provider
	}
	return "anonymous"
}

// Context holds a request's condition keys. Implementations must be safe to
// read during Evaluate and must not change while it runs.
type Context interface {
	// Values returns the values of a key, which is given in lower case.
	// A key that is present without values is ([], true); Evaluate takes it
	// for absent. A binary value is given as its bytes, not in base64.
	Values(key string) ([]string, bool)
}

// MapContext is a Context in a map, whose keys must be in lower case.
type MapContext map[string][]string

// Values implements Context.
func (m MapContext) Values(key string) ([]string, bool) {
	v, ok := m[key]
	return v, ok
}

// Request is one question to the policies: may this principal do this action
// on this resource, in this context?
type Request struct {
	Principal       Principal
	Action          string // "service:Operation"
	Resource        string // ARN, or "*" where the action has no resource
	ResourceAccount string // account that owns the resource; "" means the principal's own
	Context         Context

	// ResourcePolicyRequired marks resources whose own policy must allow even
	// callers of the same account: role trust policies and KMS keys.
	ResourcePolicyRequired bool
}

// context returns the request's context, which may be left nil.
func (r *Request) context() Context {
	if r.Context == nil {
		return MapContext(nil)
	}
	return r.Context
}

// sameAccount tells whether principal and resource are of one account.
func (r *Request) sameAccount() bool {
	own := r.Principal.Account
	return own != "" && (r.ResourceAccount == "" || r.ResourceAccount == own)
}

// Policies are all policies that apply to a request. Policies attached to
// nothing are left empty; a nil *Policy in a Named allows nothing.
type Policies struct {
	Identity   []Named
	Boundary   *Named
	Session    []Named
	HasSession bool // session policies were given, even if there are none
	Resource   *Named

	// Grants stand beside the resource's policy, each a policy of its kind that
	// can only allow: the resource has allowed what its own policy or one of them
	// allows. A Deny in one says nothing.
	Grants []Named

	// Organization holds service control policies, one slice for each level
	// from the root to the account: each level must allow. ResourceOrganization
	// holds the resource control policies of the resource's account likewise.
	// For the management account, which they do not limit, both are left empty.
	Organization         [][]Named
	ResourceOrganization [][]Named
}

func (ps *Policies) hasSession() bool { return ps.HasSession || len(ps.Session) > 0 }
