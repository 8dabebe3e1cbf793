package organizations

import (
	"time"

	"cloister/internal/audit"
	"cloister/internal/door"
	"cloister/internal/store"
)

// Options is what the service needs. All of it is required.
type Options struct {
	DB    *store.DB
	Audit *audit.Log // told when the making of an account has ended
	// Account is the node's first account, which nobody creates.
	Account string
}

// Service is Organizations. It implements door.Organizations, and is safe for
// concurrent use.
type Service struct {
	db      *store.DB
	audit   *audit.Log
	first   string
	door    *door.Door
	members memberships
	wake    chan struct{} // accounts wait to be made
	now     func() time.Time
}

var _ door.Organizations = (*Service)(nil)

// New makes the service on a store, and has the store tell it of changes.
func New(o Options) *Service {
	s := &Service{
		db: o.DB, audit: o.Audit, first: o.Account, members: newMemberships(),
		wake: make(chan struct{}, 1), now: time.Now,
	}
	s.subscribe()
	return s
}

// Register registers every operation of Organizations that exists here.
func (s *Service) Register(d *door.Door) {
	s.door = d
	s.registerOrganization(d)
	s.registerUnits(d)
	s.registerTree(d)
	s.registerAccounts(d)
	s.registerCreation(d)
	s.registerPolicies(d)
	s.registerTypes(d)
	s.registerAttachments(d)
	s.registerTags(d)
	s.registerTrust(d)
}
