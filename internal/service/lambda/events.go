package lambda

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"cloister/internal/door"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
)

const (
	maxEventAge     = 6 * time.Hour   // AWS's default for asynchronous invocations
	maxThrottleWait = 5 * time.Minute // between attempts that found no room
	eventWorkers    = 64              // events in flight at once
)

// accept puts an asynchronous invocation on disk; it is acknowledged after that.
func (s *Service) accept(c *door.Call, f ref, payload []byte, clientContext string) error {
	e := &event{
		ID: c.RequestID, Target: f, Payload: eventOf(payload), ClientContext: clientContext, TraceID: traceOf(c),
		Accepted: c.Time, Due: c.Time,
	}
	return c.Commit(func(tx *store.Tx) error {
		tx.Defer(func() { s.events.schedule(e) })
		return events.Insert(tx, store.K(e.ID), e)
	})
}

// eventQueue runs accepted invocations when they are due. The rows of the
// table are the truth; the timers here are rebuilt from them at start.
type eventQueue struct {
	service *Service
	delays  []time.Duration
	room    chan struct{}

	mu      sync.Mutex
	stopped bool
	timers  map[string]*time.Timer
	running sync.WaitGroup
}

func newEventQueue(s *Service, delays []time.Duration) *eventQueue {
	return &eventQueue{service: s, delays: delays, room: make(chan struct{}, eventWorkers), timers: map[string]*time.Timer{}}
}

// start schedules what an earlier run left.
func (q *eventQueue) start() error {
	return q.service.db.View(context.Background(), func(r store.Reader) error {
		for item, err := range events.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			q.schedule(item.Value)
		}
		return nil
	})
}

// schedule has e run when it is due.
func (q *eventQueue) schedule(e *event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	q.running.Add(1)
	q.timers[e.ID] = time.AfterFunc(time.Until(e.Due), func() {
		defer q.running.Done()
		q.room <- struct{}{}
		defer func() { <-q.room }()
		if q.take(e.ID) {
			q.attempt(e)
		}
	})
}

// take reports whether the event is still to be run.
func (q *eventQueue) take(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.timers, id)
	return !q.stopped
}

// stop cancels what waits and lets what runs end, until ctx does.
func (q *eventQueue) stop(ctx context.Context) {
	q.mu.Lock()
	q.stopped = true
	for id, timer := range q.timers {
		if timer.Stop() {
			q.running.Done()
		}
		delete(q.timers, id)
	}
	q.mu.Unlock()
	done := make(chan struct{})
	go func() { q.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// attempt runs e once and decides what becomes of it.
func (q *eventQueue) attempt(e *event) {
	ctx := context.Background()
	retries, maxAge, err := q.service.eventSettings(ctx, e.Target)
	if err != nil {
		q.finish(e, err)
		return
	}
	if time.Since(e.Accepted) > maxAge {
		q.finish(e, errors.New("it grew older than its maximum age"))
		return
	}
	result, err := q.service.run(ctx, e)
	switch {
	case errors.Is(err, invoke.ErrShuttingDown):
	case err != nil && isNotFound(err):
		q.finish(e, err)
	case err != nil:
		e.Throttled++
		q.again(e, min(time.Second<<min(e.Throttled, 10), maxThrottleWait))
	case result.FunctionError != "" && e.Attempt < retries:
		e.Attempt++
		q.again(e, q.delays[min(e.Attempt, len(q.delays))-1])
	case result.FunctionError != "":
		q.finish(e, errors.New("its function failed at every attempt"))
	default:
		q.finish(e, nil)
	}
}

func (s *Service) run(ctx context.Context, e *event) (*invoke.Result, error) {
	t, err := s.targets.get(ctx, e.Target)
	if err != nil {
		return nil, err
	}
	return s.fleet.Invoke(ctx, t.pick(), &invoke.Request{
		RequestID: e.ID, InvokedARN: e.Target.arn(), Payload: e.Payload, TraceID: e.TraceID, ClientContext: e.ClientContext,
	})
}

// eventSettings are the retries and the maximum age that the function's owner
// chose, or AWS's defaults: 2 retries within 6 hours.
func (s *Service) eventSettings(ctx context.Context, f ref) (retries int, maxAge time.Duration, err error) {
	retries, maxAge = 2, maxEventAge
	if f.Qualifier == "$LATEST" {
		f.Qualifier = ""
	}
	err = s.db.View(ctx, func(r store.Reader) error {
		config, err := eventConfigs.Get(r, f.key(f.Qualifier))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		retries = int(or(config.Retries, 2))
		maxAge = time.Duration(or(config.MaxAge, int64(maxEventAge/time.Second))) * time.Second
		return nil
	})
	return retries, maxAge, err
}

// again keeps e for another attempt after a while.
func (q *eventQueue) again(e *event, after time.Duration) {
	e.Due = time.Now().Add(after)
	err := q.service.db.Update(context.Background(), func(tx *store.Tx) error {
		return events.Put(tx, store.K(e.ID), e)
	})
	if err != nil {
		slog.Error("an asynchronous invocation could not be kept for its next attempt", "requestID", e.ID, "error", err)
		return
	}
	q.schedule(e)
}

// finish forgets e. Only its identity is logged: the payload is the caller's.
func (q *eventQueue) finish(e *event, why error) {
	if why != nil {
		slog.Warn("an asynchronous invocation was given up", "requestID", e.ID, "function", e.Target.arn(), "error", why)
	}
	err := q.service.db.Update(context.Background(), func(tx *store.Tx) error {
		return deleteIfThere(tx, events, store.K(e.ID))
	})
	if err != nil {
		slog.Error("a finished asynchronous invocation could not be forgotten and will run again", "requestID", e.ID, "error", err)
	}
}
