package policy

// Reason says what decided a request.
type Reason uint8

// The reasons, in the order in which Evaluate comes to them.
const (
	ReasonNone Reason = iota
	AllowedByIdentity
	AllowedByResource
	AllowedByRoot // the account's root user, in its own account
	ExplicitDenyIdentity
	ExplicitDenyResource
	ExplicitDenyBoundary
	ExplicitDenySession
	ExplicitDenySCP
	ExplicitDenyRCP
	ImplicitDenyIdentity
	ImplicitDenyResource
	ImplicitDenyBoundary
	ImplicitDenySession
	ImplicitDenySCP
	ImplicitDenyRCP
)

// Decision is the answer to a request. Policy and Statement (from 0) name the
// statement that decided; Policy is nil and Statement -1 where none did.
type Decision struct {
	Allowed   bool
	Reason    Reason
	Policy    *Named
	Statement int
}

// Message returns a denial in AWS's wording, "" for an allowed request.
func (d Decision) Message(req *Request) string {
	panic("policy.Decision.Message: being written")
}
