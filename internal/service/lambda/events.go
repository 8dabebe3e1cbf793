package lambda

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cloister/internal/door"
	"cloister/internal/store"
)

const eventWorkers = 64 // events in flight at once

// accept puts an asynchronous invocation on disk; it is acknowledged after that.
func (s *Service) accept(c *door.Call, f ref, payload []byte, clientContext string) error {
	e := &event{
		ID: c.RequestID, Target: f, Payload: eventOf(payload), ClientContext: clientContext, TraceID: traceOf(c),
		Accepted: c.Time, Due: c.Time,
	}
	return c.Commit(func(tx *store.Tx) error {
		tx.Defer(func() { s.events.schedule(e.ID, e.Due) })
		return events.Insert(tx, store.K(e.ID), e)
	})
}

// eventQueue runs accepted invocations when they are due. The rows of the
// table are the truth; the timers here are rebuilt from them at start, and hold
// no payloads.
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
			q.schedule(item.Value.ID, item.Value.Due)
		}
		return nil
	})
}

// schedule has an event run when it is due.
func (q *eventQueue) schedule(id string, due time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	q.running.Add(1)
	q.timers[id] = time.AfterFunc(time.Until(due), func() {
		defer q.running.Done()
		q.room <- struct{}{}
		defer func() { <-q.room }()
		if q.take(id) {
			q.attempt(id)
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

// again keeps e for another attempt after a while. A store that does not take
// that holds the event as it was before, which is tried again all the same.
func (q *eventQueue) again(e *event, after time.Duration) {
	e.Due = time.Now().Add(after)
	err := q.service.db.Update(context.Background(), func(tx *store.Tx) error {
		return events.Put(tx, store.K(e.ID), e)
	})
	if err != nil {
		slog.Error("the attempt of an asynchronous invocation could not be counted", "requestID", e.ID, "error", err)
	}
	q.schedule(e.ID, e.Due)
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
