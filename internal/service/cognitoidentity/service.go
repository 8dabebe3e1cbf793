package cognitoidentity

import (
	"context"
	"crypto/rsa"
	"log/slog"
	"sync"
	"time"

	"cloister/internal/door"
	"cloister/internal/door/session"
	"cloister/internal/gate/bucket"
	"cloister/internal/gate/jwt"
	"cloister/internal/store"
)

// Providers is the one view of IAM's data that the service has: which clients of
// an OpenID Connect provider an account takes tokens for, as STS reads it.
type Providers interface {
	Provider(r store.Reader, account, issuer string) (*session.Provider, error)
}

// Options are what the service needs. All of it is required.
type Options struct {
	DB        *store.DB
	Tokens    *jwt.Verifier // of whoever vouches, this node's user pools among them
	Providers Providers
}

// Service is identity pools. It is safe for concurrent use.
type Service struct {
	db        *store.DB
	tokens    *jwt.Verifier
	providers Providers
	door      *door.Door
	now       func() time.Time

	strangers *bucket.Set[string] // by address

	mu     sync.Mutex
	parsed map[string]*rsa.PrivateKey // by id
}

// New makes the service. Run changes its key when that is old.
func New(o Options) *Service {
	return &Service{db: o.DB, tokens: o.Tokens, providers: o.Providers, now: time.Now, strangers: bucket.NewSet[string](10_000), parsed: map[string]*rsa.PrivateKey{}}
}

// Run changes the signing key when it is old, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.rotate(ctx); err != nil && ctx.Err() == nil {
				slog.Warn("the signing key of identity pools could not be changed", "error", err)
			}
		}
	}
}
