package secretsmanager

import (
	"context"
	"sync"
	"time"

	"cloister/internal/door"
	"cloister/internal/store"
)

// Service is Secrets Manager. It is safe for concurrent use.
type Service struct {
	db   *store.DB
	door *door.Door
	now  func() time.Time
	wake chan struct{} // a rotation may be due

	mu   sync.Mutex
	read map[string]read // what was read and is not written down yet, by ARN
}

// New makes the service. Run does what is due.
func New(db *store.DB) *Service {
	return &Service{db: db, now: time.Now, wake: make(chan struct{}, 1), read: map[string]read{}}
}

// Run rotates what is due, removes what is past its recovery window, and
// writes down on which day secrets were read, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		s.rotateDue(ctx)
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
			s.sweep(ctx)
			s.noteReads(ctx)
		}
	}
}

// awaken has Run look for rotations that are due.
func (s *Service) awaken() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
