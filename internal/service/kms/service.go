package kms

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"cloister/internal/audit"
	"cloister/internal/blob"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/seal"
	"cloister/internal/store"
)

// Config is what the service needs. All of it is required but Now and Capacity.
type Config struct {
	DB         *store.DB
	Keys       *seal.Keyring
	Wrapping   *blob.Dir // of this service alone
	Guardrails *guardrail.Guardrails
	Audit      *audit.Log // of what the sweeper does

	// AcceptLostKeys starts the service although Wrapping is not the folder that
	// the store's keys are under; those keys stay unavailable.
	AcceptLostKeys bool

	// UniqueID is the id of the user or role that an ARN names, of the role for
	// one of its sessions: store.ErrNotFound if there is none. Grants are held by
	// it, so that nobody made again under a name inherits them.
	UniqueID func(r store.Reader, arn string) (string, error)

	Now func() time.Time // of the sweeper; nil for the system's clock

	// Capacity bounds how many keys, and how many aliases, are remembered. 0
	// means 10,000.
	Capacity int
}

// Service is KMS. It is safe for concurrent use.
type Service struct {
	db      *store.DB
	seals   *seal.Keyring
	vault   *vault
	guard   *guardrail.Guardrails
	cache   *cache
	audit   *audit.Log
	sweeper *sweeper
	idOf    func(r store.Reader, arn string) (string, error)
	door    *door.Door // it decides whether a policy leaves its maker in

	openings atomic.Uint64 // of ciphertexts, real and pretended
}

// New makes the service and starts its sweeper. Close ends that. A folder of
// wrapping keys that is not the store's is refused.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Capacity == 0 {
		c.Capacity = 10_000
	}
	s := &Service{db: c.DB, seals: c.Keys, vault: &vault{c.Wrapping}, guard: c.Guardrails, cache: newCache(c.Capacity), audit: c.Audit, idOf: c.UniqueID}
	if _, err := c.Wrapping.Clean(); err != nil {
		return nil, fmt.Errorf("look through the wrapping keys: %w", err)
	}
	if err := s.attest(ctx, c.AcceptLostKeys); err != nil {
		return nil, err
	}
	s.cache.follow(c.DB)
	s.sweeper = startSweeper(s.sweep, c.Now, sweepEvery)
	return s, nil
}

// Close waits for the sweeper to end.
func (s *Service) Close() error {
	s.sweeper.close()
	return nil
}

// Register puts the service's operations behind d.
func (s *Service) Register(d *door.Door) {
	s.door = d
	s.registerKeys(d)
	s.registerAliases(d)
	s.registerPolicies(d)
	s.registerEncryption(d)
	s.registerDataKeys(d)
	s.registerAsymmetric(d)
	s.registerGrants(d)
	s.registerTags(d)
	s.registerDeletion(d)
	s.registerRotation(d)
	s.registerImport(d)
	s.registerRegions(d)
}
