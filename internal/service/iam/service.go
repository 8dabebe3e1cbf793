package iam

import (
	"time"

	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/guardrail"
	"cloister/internal/seal"
	"cloister/internal/store"
	"cloister/policy"
)

// Options is what the service needs. All of it is required but Capacity.
type Options struct {
	DB   *store.DB
	Keys *seal.Keyring // opens session tokens

	Guardrails *guardrail.Guardrails // asked before a policy is written

	// Organizations says what else binds an account, for the policy simulator;
	// nil for nothing.
	Organizations door.Organizations

	// The root user of the account, who holds one access key and is bound by
	// no policy.
	Account         string
	RootAccessKeyID string
	RootSecret      seal.Secret

	// Capacity bounds how many principals, and how many access keys, are
	// remembered. 0 means 100,000, which take some 300 MB once all have called.
	Capacity int
}

// Service is IAM. It implements door.Directory and session.Roles, and is safe
// for concurrent use.
type Service struct {
	db      *store.DB
	keys    *seal.Keyring
	account string
	root    *door.Credential
	// rootPolicies are those that bind the root user: none.
	rootPolicies policy.Policies
	compiler     *compiler
	cache        *cache
	guard        *guardrail.Guardrails
	orgs         door.Organizations
	uses         uses
	guesses      guesses
	acts         acts
	door         *door.Door // knows which services there are
	now          func() time.Time
}

var (
	_ door.Directory = (*Service)(nil)
	_ session.Roles  = (*Service)(nil)
)

// New makes the service on a store, and has the store tell it of changes.
func New(o Options) *Service {
	if o.Capacity == 0 {
		o.Capacity = 100_000
	}
	if o.Guardrails == nil {
		panic("iam: policies are not written without guardrails")
	}
	s := &Service{
		db:       o.DB,
		keys:     o.Keys,
		account:  o.Account,
		compiler: newCompiler(),
		guard:    o.Guardrails,
		orgs:     o.Organizations,
		cache:    newCache(o.Capacity),
		now:      time.Now,
	}
	s.root = &door.Credential{Secret: o.RootSecret, Principal: rootPrincipal(o.Account, o.RootAccessKeyID)}
	s.subscribe()
	return s
}

func rootPrincipal(account, accessKeyID string) *door.Principal {
	return &door.Principal{
		Principal: policy.Principal{
			Kind: policy.PrincipalRoot, ARN: rootARN(account), Account: account, UserID: account,
		},
		AccessKeyID: accessKeyID,
	}
}

// Register registers every operation of IAM that exists here.
func (s *Service) Register(d *door.Door) {
	s.registerUsers(d)
	s.registerAccessKeys(d)
	s.registerLoginProfiles(d)
	s.registerPasswordPolicy(d)
	s.registerMFADevices(d)
	s.registerServiceLinked(d)
	s.registerGranting(d)
	s.registerLastAccessed(d)
	s.registerCredentialReport(d)
	s.registerAliases(d)
	s.registerAuthorizationDetails(d)
	s.registerGroups(d)
	s.registerMembership(d)
	s.registerRoles(d)
	s.registerInstanceProfiles(d)
	s.registerProviders(d)
	s.registerInline(d)
	s.registerPolicies(d)
	s.registerVersions(d)
	s.registerAttachments(d)
	s.registerBoundaries(d)
	s.registerTags(d)
	s.registerAccount(d)
	s.registerSimulation(d)
}
