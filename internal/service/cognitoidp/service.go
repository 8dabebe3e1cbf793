package cognitoidp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"cloister/internal/dial"
	"cloister/internal/door"
	"cloister/internal/oidc"
	"cloister/internal/seal"
	"cloister/internal/store"
)

// Options are what the service needs.
type Options struct {
	DB   *store.DB
	Keys *seal.Keyring
	// PublicURL is where the node is reached from outside, without a slash at its
	// end. Tokens name AWS's address as their issuer if it is empty.
	PublicURL string
	// Fetch and Post reach identity providers (dial.Dialer).
	Fetch oidc.Fetcher
	Post  Poster
}

// Poster sends a form and gives the answer, as dial.Dialer.Post does.
type Poster func(ctx context.Context, address string, form url.Values, trust dial.Trust, most int64) ([]byte, error)

// Service is user pools. It is safe for concurrent use.
type Service struct {
	db        *store.DB
	keys      *seal.Keyring
	publicURL string
	door      *door.Door
	now       func() time.Time
	newKey    func() (*rsa.PrivateKey, error)
	fetch     oidc.Fetcher
	post      Poster
	issuers   *oidc.Keys

	hashing   chan struct{} // bounds the memory that passwords take
	passwords *limiter
	codes     *limiter

	mu     sync.Mutex
	parsed map[string]*rsa.PrivateKey // by id
}

// New makes the service. Run changes keys that are old.
func New(o Options) *Service {
	s := &Service{
		db: o.DB, keys: o.Keys, publicURL: o.PublicURL, now: time.Now,
		newKey:    func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		hashing:   make(chan struct{}, hashesAtOnce),
		passwords: newLimiter(), codes: newLimiter(),
		parsed: map[string]*rsa.PrivateKey{},
	}
	s.setOutgoing(o.Fetch, o.Post)
	return s
}

// setOutgoing sets the ways to identity providers.
func (s *Service) setOutgoing(fetch oidc.Fetcher, post Poster) {
	s.fetch, s.post, s.issuers = fetch, post, oidc.NewKeys(fetch)
}

// Run changes the signing keys of pools when they are old, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.rotateKeys(ctx); err != nil && ctx.Err() == nil {
				slog.Warn("the signing keys of user pools could not be changed", "error", err)
			}
		}
	}
}
