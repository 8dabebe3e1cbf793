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
	db    *store.DB
	door  *door.Door
	now   func() time.Time
	wake  chan string // accounts of which a rotation may be due
	lanes lanes
	cache *cache

	mu   sync.Mutex
	read map[incarnation]read // what was read and is not written down yet
}

// New makes the service. Run does what is due.
func New(db *store.DB) *Service {
	return &Service{db: db, now: time.Now, wake: make(chan string, 64), lanes: newLanes(), cache: newCache(db, cacheBudget), read: map[incarnation]read{}}
}

// Run rotates what is due, removes what is past its recovery window, and
// writes down on which day secrets were read, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { s.runRotations(ctx) })
	all.Go(func() { s.runSweep(ctx) })
	all.Wait()
}

func (s *Service) runSweep(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.sweep(ctx)
			s.noteReads(ctx)
		}
	}
}
