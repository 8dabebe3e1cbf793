package door

import (
	"context"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/seal"
	"cloister/policy"
)

// Credential is what an access key id stands for.
type Credential struct {
	Secret    seal.Secret
	Principal *Principal
	Expires   time.Time // zero for long-term keys
}

// Directory knows the holders of access keys and the policies that bind them.
// The IAM service implements it from memory: both methods are on the path of
// every request and must not touch the disk once warm. A change to what they
// answer is acknowledged only after they answer by it.
type Directory interface {
	// Credential finds the holder of an access key. sessionToken is empty for
	// long-term keys. The errors are the wire's: InvalidClientTokenId for an
	// unknown, inactive or mismatched key, ExpiredToken for one too old.
	Credential(ctx context.Context, accessKeyID, sessionToken string) (*Credential, *awsapi.Error)

	// Policies returns what binds p now: identity policies, boundary, session
	// and organisation policies, all but the resource's own. It reports false
	// when the principal no longer exists. The result is shared: read only.
	Policies(p *Principal) (*policy.Policies, bool)

	// Used notes that a request signed with an access key was authenticated,
	// for GetAccessKeyLastUsed. It only remembers.
	Used(accessKeyID, service, region string, at time.Time)

	// Acted notes that a call of p asked for a permission, whatever the answer
	// was, for GetServiceLastAccessedDetails. It only remembers.
	Acted(p *Principal, action, region string, at time.Time)
}
