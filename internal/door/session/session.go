package session

import (
	"time"

	"cloister/internal/seal"
	"cloister/policy"
)

// Session is what a session token says.
type Session struct {
	AccessKeyID string      `cbor:"1,keyasint"`
	Secret      seal.Secret `cbor:"2,keyasint"`

	// Kind is PrincipalAssumedRole, or PrincipalUser or PrincipalRoot for the
	// tokens of GetSessionToken, PrincipalFederatedUser for those of
	// GetFederationToken. EntityID is the unique id of the role or user, of the
	// root user the account.
	Kind     policy.PrincipalKind `cbor:"3,keyasint"`
	Account  string               `cbor:"4,keyasint"`
	EntityID string               `cbor:"5,keyasint"`
	Name     string               `cbor:"6,keyasint,omitempty"` // of the role session or federated user

	Tags           map[string]string `cbor:"7,keyasint,omitempty"`
	TransitiveTags []string          `cbor:"8,keyasint,omitempty"` // keys of Tags that role chaining passes on
	SourceIdentity string            `cbor:"9,keyasint,omitempty"`

	// Policy and PolicyARNs narrow the session, if there are any.
	Policy     string   `cbor:"10,keyasint,omitempty"`
	PolicyARNs []string `cbor:"11,keyasint,omitempty"`

	Issued  time.Time `cbor:"12,keyasint"`
	Expires time.Time `cbor:"13,keyasint"`
	MFA     bool      `cbor:"14,keyasint,omitempty"`

	// Provider is the ARN of the identity provider that vouched for the holder,
	// and FederatedKeys the condition keys that stay of its token.
	Provider      string              `cbor:"15,keyasint,omitempty"`
	FederatedKeys map[string][]string `cbor:"16,keyasint,omitempty"`

	// Cell is the ARN of the function in whose cells alone the session works,
	// empty for one that works everywhere.
	Cell string `cbor:"17,keyasint,omitempty"`
}

// HasPolicies reports whether session policies narrow the session.
func (s *Session) HasPolicies() bool { return s.Policy != "" || len(s.PolicyARNs) > 0 }

// Expired reports whether the session is over at now.
func (s *Session) Expired(now time.Time) bool { return !now.Before(s.Expires) }
