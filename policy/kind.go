package policy

// Kind says where a policy is attached, which decides the elements it may have.
type Kind uint8

// The kinds of policies. A boundary, a session policy and an organisation
// policy have an identity policy's grammar; a trust policy is a resource
// policy without Resource, as the role that carries it is the resource.
const (
	KindIdentity Kind = iota
	KindResource
	KindTrust
	KindBoundary
	KindSession
	KindOrganization         // service control policy
	KindResourceOrganization // resource control policy: has a Principal, which must be "*"
)

var kindNames = [...]string{
	"identity policy", "resource policy", "trust policy", "permissions boundary",
	"session policy", "service control policy", "resource control policy",
}

// String returns the kind as people call it: "identity policy".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "policy of an unknown kind"
}

// indefinite returns the name with its article.
func (k Kind) indefinite() string {
	if k == KindIdentity {
		return "an " + k.String()
	}
	return "a " + k.String()
}

func (k Kind) hasPrincipal() bool {
	return k == KindResource || k == KindTrust || k == KindResourceOrganization
}

func (k Kind) hasResource() bool { return k != KindTrust }

// hasID: the grammar's notes allow Id in resource-based policies only.
func (k Kind) hasID() bool { return k == KindResource || k == KindTrust }
