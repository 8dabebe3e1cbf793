package policy

import "strings"

// Reason says what decided a request.
type Reason uint8

// The reasons. The denials stand in the order of the layers of evaluation,
// which layer.look relies on.
const (
	ReasonNone Reason = iota
	AllowedByIdentity
	AllowedByResource
	AllowedByRoot // the account's root user, whom no identity policy needs to allow
	ExplicitDenyRCP
	ExplicitDenySCP
	ExplicitDenyResource
	ExplicitDenyIdentity
	ExplicitDenyBoundary
	ExplicitDenySession
	ImplicitDenyRCP
	ImplicitDenySCP
	ImplicitDenyResource
	ImplicitDenyIdentity
	ImplicitDenyBoundary
	ImplicitDenySession
)

var reasonNames = [...]string{
	"none",
	"allowed by an identity-based policy",
	"allowed by a resource-based policy",
	"allowed as the account's root user",
	"explicit deny in a resource control policy",
	"explicit deny in a service control policy",
	"explicit deny in a resource-based policy",
	"explicit deny in an identity-based policy",
	"explicit deny in a permissions boundary",
	"explicit deny in a session policy",
	"no resource control policy allows",
	"no service control policy allows",
	"no resource-based policy allows",
	"no identity-based policy allows",
	"no permissions boundary allows",
	"no session policy allows",
}

// String returns the reason in words that logs and explanations keep stable.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return reasonNames[ReasonNone]
}

// Explicit tells whether a statement denied, rather than none allowing.
func (r Reason) Explicit() bool { return r >= ExplicitDenyRCP && r <= ExplicitDenySession }

// Decision is the answer to a request. Policy and Statement (from 0) name the
// statement that decided; Policy is nil and Statement -1 where none did.
// The zero Decision denies.
type Decision struct {
	Allowed   bool
	Reason    Reason
	Policy    *Named
	Statement int
}

// Message returns a denial in AWS's wording (IAM User Guide,
// troubleshoot_access-denied.html), "" for an allowed request.
func (d Decision) Message(req *Request) string {
	if d.Allowed {
		return ""
	}
	var b strings.Builder
	b.WriteString("User: " + req.Principal.name() + " is not authorized to perform: " + req.Action)
	if req.Resource != "" {
		b.WriteString(" on resource: " + req.Resource)
	}
	kind, article := d.policyType(req)
	switch {
	case kind == "":
	case d.Reason.Explicit():
		b.WriteString(" with an explicit deny in " + article + " " + kind)
	default:
		b.WriteString(" because no " + kind + " allows the " + req.Action + " action")
	}
	return b.String()
}

// policyType returns what messages call the policies that denied.
func (d Decision) policyType(req *Request) (kind, article string) {
	switch d.Reason {
	case ExplicitDenyRCP, ImplicitDenyRCP:
		return "resource control policy", "a"
	case ExplicitDenySCP, ImplicitDenySCP:
		return "service control policy", "a"
	case ExplicitDenyResource, ImplicitDenyResource:
		if req.assumesRole() {
			return "role trust policy", "the"
		}
		return "resource-based policy", "a"
	case ExplicitDenyIdentity, ImplicitDenyIdentity:
		return "identity-based policy", "an"
	case ExplicitDenyBoundary, ImplicitDenyBoundary:
		return "permissions boundary", "a"
	case ExplicitDenySession, ImplicitDenySession:
		return "session policy", "a"
	}
	return "", ""
}

// assumesRole tells whether the resource's policy is a role's trust policy.
func (r *Request) assumesRole() bool {
	return r.ResourcePolicyRequired && strings.HasPrefix(r.Action, "sts:")
}
