package pgengine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"cloister/internal/store"
)

const (
	pollEvery = 50 * time.Millisecond
	// maxLag is how far a node's knowledge may be behind before it answers
	// nothing more.
	maxLag = 2 * time.Second
)

// feed reads the events of all nodes in this order of things:
//
// The numbers of events come from a sequence, and a transaction draws its
// number before it commits, so an event may appear after ones with higher
// numbers, or never. The feed therefore delivers what it sees, remembers each
// number that it has passed without seeing it, and asks for those again with
// every poll (see gaps). Each poll is one snapshot and is delivered by number;
// a transaction that could see another has the higher number and is never in
// an earlier snapshot.
type feed struct {
	pool   *pgxpool.Pool
	follow func(store.Event) error
	kick   chan struct{} // holds one token when somebody waits for an event
	stop   context.CancelFunc
	done   sync.WaitGroup

	// polled is when the last poll that delivered everything began.
	polled  atomic.Pointer[time.Time]
	failure atomic.Pointer[error] // final
	ended   chan struct{}         // closed by close, and by a failure

	mu      sync.Mutex // guards what follows
	top     int64      // highest number seen
	gaps    gaps
	waiting map[int64]chan struct{} // closed when the event was delivered
}

// newFeed takes all that is committed now as read.
func newFeed(ctx context.Context, pool *pgxpool.Pool) (*feed, error) {
	f := &feed{
		pool:    pool,
		kick:    make(chan struct{}, 1),
		ended:   make(chan struct{}),
		gaps:    gaps{},
		waiting: map[int64]chan struct{}{},
	}
	now := time.Now()
	seen, err := f.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	for _, seq := range seen {
		if err := f.pass(seq, now); err != nil {
			return nil, err
		}
	}
	f.polled.Store(&now)
	return f, nil
}

// snapshot sets top to the floor and returns the numbers of what is above.
func (f *feed) snapshot(ctx context.Context) (seen []int64, err error) {
	err = f.pool.QueryRow(ctx, `SELECT seq, ARRAY(SELECT f.seq FROM cloister_feed f WHERE f.seq > c.seq ORDER BY f.seq)
		FROM cloister_floor c WHERE one = 1`).Scan(&f.top, &seen)
	return seen, err
}

func (f *feed) start(fn func(store.Event) error) {
	f.follow = fn
	ctx, cancel := context.WithCancel(context.Background())
	f.stop = cancel
	f.done.Add(2)
	go f.pollLoop(ctx)
	go f.tidyLoop(ctx)
}

func (f *feed) close() {
	if f.stop != nil {
		f.stop()
	}
	f.done.Wait()
	f.fail(errors.New("the store is closed"))
	f.pool.Close()
}

func (f *feed) pollLoop(ctx context.Context) {
	defer f.done.Done()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for ctx.Err() == nil && f.failure.Load() == nil {
		began := time.Now()
		more, err := f.poll(ctx)
		if err == nil && more {
			continue
		}
		if err == nil {
			f.polled.Store(&began)
		}
		select {
		case <-ctx.Done():
		case <-f.kick:
		case <-ticker.C:
		}
	}
}

// expect prepares to await the event with this number.
func (f *feed) expect(seq int64) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := make(chan struct{})
	f.waiting[seq] = seen
	return seen
}

func (f *feed) forget(seq int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiting, seq)
}

// await wakes the poller and waits for the event.
func (f *feed) await(seen <-chan struct{}) error {
	select {
	case f.kick <- struct{}{}:
	default:
	}
	for {
		select {
		case <-seen:
			return nil
		case <-f.ended:
			return fmt.Errorf("committed, but not delivered to subscribers: %w", *f.failure.Load())
		case <-time.After(maxLag):
			if err := f.healthy(); err != nil {
				return fmt.Errorf("committed, but not delivered to subscribers: %w", err)
			}
		}
	}
}

// healthy says whether this node knows all that was committed maxLag ago.
func (f *feed) healthy() error {
	if err := f.failure.Load(); err != nil {
		return *err
	}
	if lag := time.Since(*f.polled.Load()); lag > maxLag {
		return fmt.Errorf("the change feed is %v behind, more than %v; see that the database is up and reachable", lag.Round(time.Millisecond), maxLag)
	}
	return nil
}

// fail ends the feed for good.
func (f *feed) fail(err error) {
	if f.failure.CompareAndSwap(nil, &err) {
		close(f.ended)
	}
}
