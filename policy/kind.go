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
