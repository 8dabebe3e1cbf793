package lambda

import (
	"context"
	"log/slog"
	"time"

	"cloister/internal/blob"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/service/lambda/codepkg"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
)

// Fleet runs functions; *invoke.Fleet is the real one.
type Fleet interface {
	Invoke(ctx context.Context, fn *invoke.Function, req *invoke.Request) (*invoke.Result, error)
	Retire(functionARN, version, keepRevision string)
}

// Runtimes are the runtimes that functions may use.
type Runtimes interface {
	// Ready reports whether there is one of that name, and makes it ready, so
	// that a function's first invocation does not wait for that.
	Ready(name string) bool
	Names() []string
}

// Code holds unpacked packages; *codepkg.Cache is the real one.
type Code interface {
	Acquire(ctx context.Context, id string, open codepkg.Source) (*codepkg.Ref, error)
}

// Config is what the service needs. All but RetryDelays and Concurrency is
// required.
type Config struct {
	DB       *store.DB
	Blobs    blob.Store
	Code     Code
	Runtimes Runtimes

	Guardrails *guardrail.Guardrails // asked before a function is written

	// RetryDelays is how long an asynchronous invocation whose function failed
	// waits for its second and third attempt. Default: 1 and 2 minutes, AWS's.
	RetryDelays []time.Duration

	// Address is where the URL with an id is reached on this node. Nil: without a port.
	Address func(id string) string

	// Concurrency is the account's limit of concurrent executions. Default 1,000.
	Concurrency int64
}

// Service is the Lambda service. It is safe for concurrent use.
type Service struct {
	db          *store.DB
	blobs       blob.Store
	code        Code
	runtimes    Runtimes
	guard       *guardrail.Guardrails
	fleet       Fleet
	door        *door.Door
	targets     *targets
	uploads     uploads
	discards    *discarder
	events      *eventQueue
	concurrency int64
	address     func(id string) string
}

// New makes the service. It answers control operations after Register, and
// invocations after Start.
func New(c Config) *Service {
	if len(c.RetryDelays) == 0 {
		c.RetryDelays = []time.Duration{time.Minute, 2 * time.Minute}
	}
	if c.Concurrency == 0 {
		c.Concurrency = 1000
	}
	if c.Guardrails == nil {
		panic("lambda: functions are not written without guardrails")
	}
	s := &Service{db: c.DB, blobs: c.Blobs, code: c.Code, runtimes: c.Runtimes, guard: c.Guardrails, concurrency: c.Concurrency, address: c.Address}
	if s.address == nil {
		s.address = func(id string) string { return "https://" + id + ".lambda-url.localhost/" }
	}
	s.discards = &discarder{sweep: s.sweep, grace: discardGrace}
	s.targets = newTargets(s)
	s.events = newEventQueue(s, c.RetryDelays)
	return s
}

// Start gives the service its fleet, takes up the asynchronous invocations that
// an earlier run accepted, and removes code that nothing refers to. Call it
// once, after Register; Stop ends what it started.
func (s *Service) Start(fleet Fleet) error {
	s.fleet = fleet
	s.targets.follow()
	if err := s.events.start(); err != nil {
		return err
	}
	go func() {
		if err := s.removeOrphans(context.Background()); err != nil {
			slog.Warn("code that nothing refers to could not be removed", "error", err)
		}
	}()
	return nil
}

// Stop lets the asynchronous invocations that are running end and starts no
// more; what waits stays on disk.
func (s *Service) Stop(ctx context.Context) {
	s.discards.stop()
	s.events.stop(ctx)
}
