package door

import (
	"time"

	"cloister/policy"
)

// Principal is who makes a call. It is immutable once made and shared between
// the calls of one credential.
type Principal struct {
	policy.Principal

	AccessKeyID string            // the key that signed; empty for services
	Name        string            // user name, or role session name
	EntityID    string            // of a federated user: the unique id of the user who vouches
	Tags        map[string]string // principal and session tags
	IssuedAt    time.Time         // when temporary credentials were issued; zero for others
	MFA         bool              // temporary credentials obtained with an MFA device
	Cell        string            // ARN of the function in whose cells alone the credentials work
	// What role chaining passes on and the session cannot shed: the keys of
	// those of its Tags, and who took the first session of the chain.
	TransitiveTagKeys []string
	SourceIdentity    string

	// Federation is where a session of AssumeRoleWithWebIdentity comes from, nil
	// for others.
	Federation *Federation

	// Session policies narrow temporary credentials. HasSessionPolicies tells
	// an empty list, which allows nothing, from none at all.
	SessionPolicies    []policy.Named
	HasSessionPolicies bool

	// For a service acting on behalf of a resource: the resource and its
	// account, the confused-deputy keys aws:SourceArn and aws:SourceAccount.
	SourceARN     string
	SourceAccount string
}

// Federation says which identity provider vouched for the holder of a session,
// and what of its token stays known: condition keys, in lower case
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html).
type Federation struct {
	Provider string // ARN
	Keys     policy.MapContext
}

// ServicePrincipal is a service (such as "lambda.amazonaws.com") acting for the
// resource sourceARN of sourceAccount. Only resource policies can allow it
// anything, so a service gets no further than the resource's owner lets it.
func ServicePrincipal(service, sourceARN, sourceAccount string) *Principal {
	return &Principal{
		Principal:     policy.Principal{Kind: policy.PrincipalService, Service: service},
		SourceARN:     sourceARN,
		SourceAccount: sourceAccount,
	}
}

// anonymous is the principal of an unsigned call.
var anonymous = &Principal{Principal: policy.Principal{Kind: policy.PrincipalAnonymous}}

// typeName is the value of aws:PrincipalType, and userIdentity.type in the
// audit log.
func (p *Principal) typeName() string {
	switch p.Kind {
	case policy.PrincipalRoot:
		return "Account"
	case policy.PrincipalUser:
		return "User"
	case policy.PrincipalAssumedRole:
		return "AssumedRole"
	case policy.PrincipalFederatedUser:
		return "FederatedUser"
	case policy.PrincipalService:
		return "AWSService"
	case policy.PrincipalFederated:
		return "" // AWS gives the type of those who have an account only
	default:
		return "Anonymous"
	}
}
