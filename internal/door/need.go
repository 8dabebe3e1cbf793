package door

import (
	"cloister/internal/store"
	"cloister/policy"
)

// Need is one permission that a call needs: an action on a resource.
type Need struct {
	Action   string // "lambda:InvokeFunction"
	Resource string // ARN, or "*" for actions without resource

	// Account owns the resource; empty means the caller's own.
	Account string

	// ResourcePolicy is the resource's own policy, where it has one.
	ResourcePolicy *policy.Named
	// Grants of the resource, which allow as its own policy does.
	Grants []policy.Named
	// ResourcePolicyRequired says that identity policies alone never suffice
	// (role trust policies, KMS keys).
	ResourcePolicyRequired bool

	// Named is what the caller called the resource, where that is not Resource:
	// a denial says no more of it than the caller did. Empty for Resource.
	Named string

	// Context holds the condition keys of this need, in lower case: resource
	// tags, request tags and the service's own keys.
	Context policy.MapContext
}

// Resolver says what a call needs. It reads through r, a snapshot for the first
// decision and the handler's own transaction for the second, and has no effect.
// Its error is the call's answer and must tell no more than an unpermitted
// caller may know.
type Resolver[In any] func(c *Call, r store.Reader, in *In) ([]Need, error)

// Class says which callers an operation is open to.
type Class uint8

const (
	// ClassPermission operations are decided by policies.
	ClassPermission Class = iota + 1
	// ClassSignedOnly operations need authentication and no permission.
	ClassSignedOnly
	// ClassPublic operations need not even be signed.
	ClassPublic
)

func (c Class) String() string {
	switch c {
	case ClassPermission:
		return "permission"
	case ClassSignedOnly:
		return "signed only"
	case ClassPublic:
		return "public"
	default:
		return "unknown class"
	}
}

// Auth is an operation's authorisation. Its zero value is refused at
// registration.
type Auth[In any] struct {
	class   Class
	resolve Resolver[In]
}

// Permission makes an operation decided by policies: every Need that resolve
// yields must be allowed, and yielding none is a denial.
func Permission[In any](resolve Resolver[In]) Auth[In] {
	return Auth[In]{class: ClassPermission, resolve: resolve}
}

// SignedOnly leaves an operation to every authenticated caller, as AWS does for
// sts:GetCallerIdentity. Each use is on the golden list.
func SignedOnly[In any]() Auth[In] { return Auth[In]{class: ClassSignedOnly} }

// Public leaves an operation to everyone, signed or not. Each use is on the
// golden list.
func Public[In any]() Auth[In] { return Auth[In]{class: ClassPublic} }

// On is the resolver of an operation that needs one action on one resource,
// which resource computes from the call alone.
func On[In any](action string, resource func(c *Call, in *In) string) Auth[In] {
	return Permission(func(c *Call, _ store.Reader, in *In) ([]Need, error) {
		return []Need{{Action: action, Resource: resource(c, in)}}, nil
	})
}
