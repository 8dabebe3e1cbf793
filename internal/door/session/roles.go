package session

import (
	"time"

	"cloister/internal/store"
	"cloister/policy"
)

// Role is what STS has to know of a role: the trust policy that decides who
// may assume it, and what a session of it is like.
type Role struct {
	ARN, Account, ID, Name string
	Trust                  policy.Named
	MaxSession             time.Duration
	Tags                   map[string]string
}

// Provider is what STS has to know of an OpenID Connect provider.
type Provider struct {
	ARN         string
	Address     string // of the issuer, without https://
	ClientIDs   []string
	Thumbprints []string // SHA-1, lower-case hexadecimal
}

// Roles is the one view that STS has of IAM's data. It is not a way around the
// door: trust policies are part of the authorisation of AssumeRole, so they are
// read in the very snapshot that the door decides on, as every service reads
// the resource policies of its own resources. IAM implements it and the node
// hands it to STS.
type Roles interface {
	Codes
	// Role finds a role, or gives store.ErrNotFound.
	Role(r store.Reader, arn string) (*Role, error)
	// Provider finds the account's OpenID Connect provider for an issuer, which
	// is an https URL, or gives store.ErrNotFound.
	Provider(r store.Reader, account, issuer string) (*Provider, error)
	// HasPolicy reports whether a managed policy exists that sessions of the
	// account's roles may be narrowed by: the account's own, or one of AWS's.
	HasPolicy(r store.Reader, account, arn string) (bool, error)
	// KeyAccount finds the account of a long-term access key, or gives
	// store.ErrNotFound.
	KeyAccount(r store.Reader, accessKeyID string) (string, error)
}
