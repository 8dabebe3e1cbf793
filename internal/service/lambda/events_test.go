package lambda

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	api "cloister/internal/awsapi/lambda"
	"cloister/internal/guardrail"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
	"cloister/internal/store/pebbleengine"
)

func quickly(c *Config) { c.RetryDelays = []time.Duration{time.Millisecond, 2 * time.Millisecond} }

var failed = &invoke.Result{FunctionError: invoke.Unhandled, ErrorType: "Error", Payload: []byte(`{}`)}

// answering has each attempt answered by the next of steps, the last one for
// good, and tells of every attempt.
func (h *harness) answering(steps ...func() (*invoke.Result, error)) <-chan *invoke.Request {
	attempts := make(chan *invoke.Request, 1000)
	var n atomic.Int64
	h.fleet.answers(func(_ *invoke.Function, req *invoke.Request) (*invoke.Result, error) {
		i := min(int(n.Add(1)), len(steps)) - 1
		attempts <- req
		return steps[i]()
	})
	return attempts
}

func fails() (*invoke.Result, error)    { return failed, nil }
func succeeds() (*invoke.Result, error) { return &invoke.Result{Payload: []byte("1")}, nil }
func throttled() (*invoke.Result, error) {
	return nil, &invoke.ThrottleError{Reason: invoke.ReasonReserved}
}
func shuttingDown() (*invoke.Result, error) { return nil, invoke.ErrShuttingDown }

func (h *harness) event(function string) {
	h.t.Helper()
	_, err := do(h, h.Root(), api.OpInvoke, &api.InvocationRequest{FunctionName: ptr(function), InvocationType: ptr("Event"), Payload: []byte(`{"n":1}`)})
	h.must(err)
}

// settled waits until no event is left and returns how many attempts there were.
func (h *harness) settled(attempts <-chan *invoke.Request) int {
	h.t.Helper()
	for h.waiting() > 0 {
		time.Sleep(time.Millisecond)
	}
	return len(attempts)
}

func (h *harness) waiting() (n int) {
	h.must(h.view(func(r store.Reader) error {
		n = 0
		for _, err := range events.Scan(r, nil, nil) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}))
	return n
}

func TestAnEventThatFailsIsRetriedTwice(t *testing.T) {
	h := newHarness(t, quickly)
	h.create("f", "one")
	attempts := h.answering(fails)
	h.event("f")
	if n := h.settled(attempts); n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
	first, second := <-attempts, <-attempts
	if first.RequestID != second.RequestID || string(second.Payload) != `{"n":1}` {
		t.Errorf("attempts are %+v and %+v, want the same invocation", first, second)
	}
}

func TestAnEventThatSucceedsIsDone(t *testing.T) {
	h := newHarness(t, quickly)
	h.create("f", "one")
	attempts := h.answering(fails, succeeds)
	h.event("f")
	if n := h.settled(attempts); n != 2 {
		t.Errorf("%d attempts, want 2", n)
	}
}

func TestRetriesAreTheOwnersChoice(t *testing.T) {
	h := newHarness(t, quickly)
	h.create("f", "one")
	_, err := do(h, h.Root(), api.OpPutFunctionEventInvokeConfig, &api.PutFunctionEventInvokeConfigRequest{FunctionName: ptr("f"), MaximumRetryAttempts: ptr(int64(0))})
	h.must(err)
	attempts := h.answering(fails)
	h.event("f:$LATEST") // $LATEST and nothing are the same
	if n := h.settled(attempts); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
}

// What found no room, or no cell, is no attempt of the function's.
func TestSettle(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	q := h.lambda.events
	q.stop(context.Background()) // nothing runs: only what is kept counts
	defaults := eventSettings{retries: 2, maxAge: maxEventAge}
	start := &invoke.StartError{Err: errors.New("x")}
	for _, c := range []struct {
		name   string
		before event
		result *invoke.Result
		err    error
		kept   bool
		after  event
		wait   time.Duration
	}{
		{"done", event{}, &invoke.Result{}, nil, false, event{}, 0},
		{"failed once", event{}, failed, nil, true, event{Attempt: 1}, time.Minute},
		{"failed twice", event{Attempt: 1}, failed, nil, true, event{Attempt: 2}, 2 * time.Minute},
		{"failed for good", event{Attempt: 2}, failed, nil, false, event{}, 0},
		{"throttled", event{Attempt: 2}, nil, &invoke.ThrottleError{}, true, event{Attempt: 2, Throttled: 1}, time.Second},
		{"throttled again", event{Throttled: 1}, nil, &invoke.ThrottleError{}, true, event{Throttled: 2}, 2 * time.Second},
		{"throttled for long", event{Throttled: 40}, nil, &invoke.ThrottleError{}, true, event{Throttled: 41}, maxThrottleWait},
		{"not started", event{}, nil, start, true, event{Throttled: 1}, time.Second},
		{"deleted", event{}, nil, notFound(ref{}), false, event{}, 0},
		{"shutting down", event{}, nil, invoke.ErrShuttingDown, true, event{}, 0},
	} {
		e := c.before
		e.ID, e.Target = "id", ref{Account: "a", Region: "r", Name: "f"}
		h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error { return events.Put(tx, store.K(e.ID), &e) }))
		before := time.Now()
		q.settle(&e, defaults, c.result, c.err)
		got, _, err := h.lambda.loadEvent(context.Background(), "id")
		if kept := err == nil; kept != c.kept {
			t.Errorf("%s: kept is %v (%v), want %v", c.name, kept, err, c.kept)
			continue
		}
		if !c.kept {
			continue
		}
		if got.Attempt != c.after.Attempt || got.Throttled != c.after.Throttled {
			t.Errorf("%s: kept as %+v, want %+v", c.name, got, c.after)
		}
		if c.wait > 0 && (got.Due.Before(before.Add(c.wait)) || got.Due.After(time.Now().Add(c.wait))) {
			t.Errorf("%s: due at %v, want %v from now", c.name, got.Due, c.wait)
		}
	}
	h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error { return deleteIfThere(tx, events, store.K("id")) }))
}

func TestAnEventThatGrewTooOldIsGivenUp(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	attempts := h.answering(succeeds)
	e := &event{ID: "old", Target: ref{Account: "123456789012", Region: "us-east-1", Name: "f"}, Accepted: time.Now().Add(-7 * time.Hour)}
	h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error { return events.Put(tx, store.K(e.ID), e) }))
	h.lambda.events.schedule(e.ID, time.Now())
	if n := h.settled(attempts); n != 0 {
		t.Errorf("%d attempts, want none", n)
	}
}

func TestAnEventOfADeletedFunctionIsGivenUp(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.RetryDelays = []time.Duration{time.Millisecond} })
	h.create("f", "one")
	attempts := h.answering(func() (*invoke.Result, error) {
		_, err := do(h, h.Root(), api.OpDeleteFunction, &api.DeleteFunctionRequest{FunctionName: ptr("f")})
		if err != nil {
			t.Error(err)
		}
		return failed, nil
	})
	h.event("f")
	if n := h.settled(attempts); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
}

// What was accepted is run by the next start, be it that the node stopped while
// it waited or while it ran.
func TestAnAcceptedEventSurvivesARestart(t *testing.T) {
	for name, answer := range map[string]func() (*invoke.Result, error){"waiting": fails, "running": shuttingDown} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, func(c *Config) { c.RetryDelays = []time.Duration{time.Hour} })
			h.create("f", "one")
			attempts := h.answering(answer)
			h.event("f")
			<-attempts
			h.lambda.Stop(context.Background())
			if h.waiting() != 1 {
				t.Fatalf("%d events are kept, want 1", h.waiting())
			}
			h.overdue()
			attempts = h.answering(succeeds)
			next := New(h.config)
			next.door = h.Door
			h.must(next.Start(h.fleet))
			defer next.Stop(context.Background())
			if got := <-attempts; string(got.Payload) != `{"n":1}` {
				t.Errorf("the payload is %s", got.Payload)
			}
			h.settled(attempts)
		})
	}
}

// overdue makes every event due.
func (h *harness) overdue() {
	h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error {
		for item, err := range events.Scan(tx, nil, nil) {
			if err != nil {
				return err
			}
			item.Value.Due = time.Time{}
			return events.Put(tx, item.Key, item.Value)
		}
		return nil
	}))
}

// failingEngine is a store that takes nothing while it fails.
type failingEngine struct {
	store.Engine
	fails atomic.Bool
}

func (e *failingEngine) Update(ctx context.Context, fn func(store.EngineTx) error) error {
	if e.fails.Load() {
		return errors.New("the disk is full")
	}
	return e.Engine.Update(ctx, fn)
}

// A store that fails to count an attempt loses the count, never the event.
func TestAnEventOutlivesAStoreThatFails(t *testing.T) {
	h := newHarness(t)
	inner, err := pebbleengine.Open(t.TempDir(), h.Keys)
	h.must(err)
	engine := &failingEngine{Engine: inner}
	db, err := store.Open(engine, h.Keys)
	h.must(err)
	defer func() { h.must(db.Close()) }()
	s := New(Config{DB: db, Guardrails: guardrail.New(&api.Service), RetryDelays: []time.Duration{time.Millisecond}})
	s.fleet = h.fleet
	f := ref{Account: "123456789012", Region: "us-east-1", Name: "f"}
	e := &event{ID: "id", Target: f, Accepted: time.Now()}
	h.must(db.Update(context.Background(), func(tx *store.Tx) error {
		return errors.Join(events.Put(tx, store.K(e.ID), e), functions.Put(tx, f.key(), &function{}), versions.Put(tx, f.key(int64(latest)), &version{}))
	}))
	attempts := h.answering(fails)
	engine.fails.Store(true)
	s.events.attempt(e.ID)
	engine.fails.Store(false)
	for range 3 { // one that was not counted, and two that were
		<-attempts
	}
	s.Stop(context.Background())
}

func TestNothingIsScheduledAfterStop(t *testing.T) {
	h := newHarness(t)
	h.create("f", "one")
	attempts := h.answering(succeeds)
	h.lambda.Stop(context.Background())
	h.event("f")
	if len(attempts) != 0 || h.waiting() != 1 {
		t.Errorf("%d attempts and %d events waiting, want 0 and 1", len(attempts), h.waiting())
	}
}

func TestThrottledEventsWait(t *testing.T) {
	h := newHarness(t, quickly)
	h.create("f", "one")
	attempts := h.answering(throttled)
	h.event("f")
	<-attempts
	h.lambda.Stop(context.Background())
	if h.waiting() != 1 {
		t.Errorf("%d events waiting, want 1", h.waiting())
	}
}
