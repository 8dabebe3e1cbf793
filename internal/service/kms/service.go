package kms

import (
	"context"
	"fmt"

	"cloister/internal/blob"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/seal"
	"cloister/internal/store"
)

// Config is what the service needs. All of it is required but Capacity.
type Config struct {
	DB         *store.DB
	Keys       *seal.Keyring
	Wrapping   *blob.Dir // of this service alone
	Guardrails *guardrail.Guardrails

	// Capacity bounds how many keys, and how many aliases, are remembered. 0
	// means 10,000.
	Capacity int
}

// Service is KMS. It is safe for concurrent use.
type Service struct {
	db    *store.DB
	seals *seal.Keyring
	vault *vault
	guard *guardrail.Guardrails
	cache *cache
	door  *door.Door // it decides whether a policy leaves its maker in
}

// New makes the service, and destroys the wrapping keys of material that did
// not come to be or that was given up when the process ended.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.Capacity == 0 {
		c.Capacity = 10_000
	}
	s := &Service{db: c.DB, seals: c.Keys, vault: &vault{c.Wrapping}, guard: c.Guardrails, cache: newCache(c.Capacity)}
	if err := s.vault.sweep(ctx, c.DB); err != nil {
		return nil, fmt.Errorf("look through the wrapping keys: %w", err)
	}
	s.cache.follow(c.DB)
	return s, nil
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
}
