package door

import (
	"cloister/internal/store"
	"cloister/policy"
)

// Need is one permission that a call needs: an action on a resource.
type Need struct {
	Action   string // "lambda:InvokeFunction"
	Resource string // ARN, or "*" for actions without resource

	// Also are the resource's other names, for actions that may be called by
	// each of them: a policy that denies one explicitly denies the need.
	Also []string

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

	// Refusal is what a caller is told whom policies deny it, where AWS says less
	// than why. Empty for the reason.
	Refusal string

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
	// ClassToken operations need not be signed: a token in their input says who
	// calls. They are decided by policies.
	ClassToken
	// ClassFront operations are reached by [Enter] alone, not by AWS's protocols.
	// They are decided by policies, whoever calls.
	ClassFront
)

func (c Class) String() string {
	switch c {
	case ClassPermission:
		return "permission"
	case ClassSignedOnly:
		return "signed only"
	case ClassPublic:
		return "public"
	case ClassToken:
		return "by token"
	case ClassFront:
		return "front"
	default:
		return "unknown class"
	}
}

// Auth is an operation's authorisation. Its zero value is refused at
// registration.
type Auth[In any] struct {
	class    Class
	identify Identifier[In]
	resolve  Resolver[In]
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

// Identifier finds out from a call's input alone who makes it: it sets the
// Principal and the Account of c and may leave what it found as c's Evidence.
// Whoever it gives no name to has not authenticated. It runs before and outside
// of every transaction, and may have outside effects. Its error is the call's
// answer.
type Identifier[In any] func(c *Call, in *In) error

// ByToken makes an operation authenticated by a token in its input, as
// sts:AssumeRoleWithWebIdentity is, and decided by policies like those of
// Permission. Each use is on the golden list.
func ByToken[In any](identify Identifier[In], resolve Resolver[In]) Auth[In] {
	return Auth[In]{class: ClassToken, identify: identify, resolve: resolve}
}

// AtFront is for an operation that stands for requests of another protocol than
// AWS's: those to an API, a function's URL, a sign-in page. They come by [Enter].
// What says who calls is the matter of identify: a signature ([Call.Signed]), a
// token. It may leave the caller anonymous, and then only a policy of the
// resource that lets everyone in allows the call. Each use is on the golden list.
func AtFront[In any](identify Identifier[In], resolve Resolver[In]) Auth[In] {
	return Auth[In]{class: ClassFront, identify: identify, resolve: resolve}
}

// On is the resolver of an operation that needs one action on one resource,
// which resource computes from the call alone.
func On[In any](action string, resource func(c *Call, in *In) string) Auth[In] {
	return Permission(func(c *Call, _ store.Reader, in *In) ([]Need, error) {
		return []Need{{Action: action, Resource: resource(c, in)}}, nil
	})
}
