package lambda

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cloister/internal/door"
	"cloister/internal/store"
)

// Events in flight at once: of all functions, and of one.
const (
	eventWorkers = 64
	laneWorkers  = 16
)

// accept puts an asynchronous invocation on disk; it is acknowledged after that.
func (s *Service) accept(c *door.Call, f ref, payload []byte, clientContext string) error {
	e := &event{
		ID: c.RequestID, Target: f, Payload: eventOf(payload), ClientContext: clientContext, TraceID: traceOf(c),
		Accepted: c.Time, Due: c.Time,
	}
	return c.Commit(func(tx *store.Tx) error {
		tx.Defer(func() { s.events.add(e.ID, e.Target, e.Due) })
		return events.Insert(tx, store.K(e.ID), e)
	})
}

// eventQueue runs accepted invocations when they are due. The rows of the
// table are the truth; the timers here are rebuilt from them at start, and hold
// no payloads. Each function has a lane, so that a slow one has its own events
// wait and nobody else's; lanes with an event to run take turns.
type eventQueue struct {
	service *Service
	delays  []time.Duration

	mu      sync.Mutex
	stopped bool
	timers  map[string]scheduled // by event
	lanes   map[ref]*lane        // of functions with events that are due or running
	waiting []*lane              // those that may run one more, the next in turn first
	targets map[string]ref       // of events that are running
	busy    int                  // how many run
	running sync.WaitGroup
}

// scheduled is an event that is not due yet.
type scheduled struct {
	timer  *time.Timer
	target ref
}

// lane is the events of one function, whatever their qualifiers.
type lane struct {
	target  ref
	due     []string
	running int
	waiting bool // it is in the queue's list
}

func newEventQueue(s *Service, delays []time.Duration) *eventQueue {
	return &eventQueue{service: s, delays: delays, timers: map[string]scheduled{}, lanes: map[ref]*lane{}, targets: map[string]ref{}}
}

// start schedules what an earlier run left.
func (q *eventQueue) start() error {
	return q.service.db.View(context.Background(), func(r store.Reader) error {
		for item, err := range events.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			q.add(item.Value.ID, item.Value.Target, item.Value.Due)
		}
		return nil
	})
}

// add has an event run when it is due and it is its function's turn.
func (q *eventQueue) add(id string, target ref, due time.Time) {
	target.Qualifier = ""
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	q.timers[id] = scheduled{time.AfterFunc(time.Until(due), func() { q.fire(id, target) }), target}
}

// schedule is add for an event that is running and whose row could not be read.
func (q *eventQueue) schedule(id string, due time.Time) {
	q.mu.Lock()
	target := q.targets[id]
	q.mu.Unlock()
	q.add(id, target, due)
}

// fire puts an event that is due into its lane.
func (q *eventQueue) fire(id string, target ref) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	delete(q.timers, id)
	q.push(id, target)
	q.dispatch()
}

// The methods from here to run are called with mu held.

func (q *eventQueue) push(id string, target ref) {
	l := q.lanes[target]
	if l == nil {
		l = &lane{target: target}
		q.lanes[target] = l
	}
	l.due = append(l.due, id)
	q.line(l)
}

// line puts a lane that may run one more at the end of those that wait for a
// turn.
func (q *eventQueue) line(l *lane) {
	if !l.waiting && len(l.due) > 0 && l.running < laneWorkers {
		l.waiting = true
		q.waiting = append(q.waiting, l)
	}
}

// dispatch starts what there is room for.
func (q *eventQueue) dispatch() {
	for {
		l, id := q.pick()
		if l == nil {
			return
		}
		q.running.Add(1)
		go q.run(l, id)
	}
}

// pick takes the next event of the lane whose turn it is; nil: there is none, or
// no room for it.
func (q *eventQueue) pick() (*lane, string) {
	if len(q.waiting) == 0 || q.busy >= eventWorkers {
		return nil, ""
	}
	l := q.waiting[0]
	q.waiting = q.waiting[1:]
	id := l.due[0]
	l.due, l.waiting = l.due[1:], false
	l.running++
	q.busy++
	q.targets[id] = l.target
	q.line(l)
	return l, id
}

// run attempts an event and hands its place on.
func (q *eventQueue) run(l *lane, id string) {
	defer q.running.Done()
	q.attempt(id)
	q.mu.Lock()
	defer q.mu.Unlock()
	l.running--
	q.busy--
	delete(q.targets, id)
	if l.running == 0 && len(l.due) == 0 {
		delete(q.lanes, l.target)
	}
	q.line(l)
	q.dispatch()
}

// stop cancels what waits and lets what runs end, until ctx does.
func (q *eventQueue) stop(ctx context.Context) {
	q.mu.Lock()
	q.stopped = true
	for id, s := range q.timers {
		s.timer.Stop()
		delete(q.timers, id)
	}
	for _, l := range q.lanes {
		l.due, l.waiting = nil, false
	}
	q.waiting = nil
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
	q.add(e.ID, e.Target, e.Due)
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
