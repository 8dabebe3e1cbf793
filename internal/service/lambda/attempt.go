package lambda

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
)

const (
	maxEventAge     = 6 * time.Hour   // AWS's default for asynchronous invocations
	maxThrottleWait = 5 * time.Minute // between attempts that found no room
	unreadableWait  = time.Second     // until the store is asked again for an event it did not give
)

var (
	errTooOld = errors.New("it grew older than its maximum age")
	errFailed = errors.New("its function failed at every attempt")
)

// attempt runs an event once and decides what becomes of it.
func (q *eventQueue) attempt(id string) {
	ctx := context.Background()
	e, s, err := q.service.loadEvent(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound): // it is done
	case err != nil:
		slog.Error("an asynchronous invocation could not be read", "requestID", id, "error", err)
		q.schedule(id, time.Now().Add(unreadableWait))
	case time.Since(e.Accepted) > s.maxAge:
		q.finish(e, errTooOld)
	default:
		result, err := q.service.run(ctx, e)
		q.settle(e, s, result, err)
	}
}

// settle decides what becomes of an event after an attempt. What found no room,
// or no cell, waits; only failures of the function count.
func (q *eventQueue) settle(e *event, s eventSettings, result *invoke.Result, err error) {
	switch {
	case errors.Is(err, invoke.ErrShuttingDown): // the next start takes it up
	case isNotFound(err):
		q.finish(e, err)
	case err != nil:
		e.Throttled++
		q.again(e, min(time.Second<<min(e.Throttled-1, 10), maxThrottleWait))
	case result.FunctionError == "":
		q.finish(e, nil)
	case e.Attempt < s.retries:
		e.Attempt++
		q.again(e, q.delays[min(e.Attempt, len(q.delays))-1])
	default:
		q.finish(e, errFailed)
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
type eventSettings struct {
	retries int
	maxAge  time.Duration
}

// loadEvent reads an event and how it is to be treated.
func (s *Service) loadEvent(ctx context.Context, id string) (e *event, settings eventSettings, err error) {
	err = s.db.View(ctx, func(r store.Reader) (err error) {
		if e, err = events.Get(r, store.K(id)); err != nil {
			return err
		}
		settings, err = settingsOf(r, e.Target)
		return err
	})
	return e, settings, err
}

func settingsOf(r store.Reader, f ref) (eventSettings, error) {
	if f.Qualifier == "$LATEST" {
		f.Qualifier = ""
	}
	config, err := eventConfigs.Get(r, f.key(f.Qualifier))
	if errors.Is(err, store.ErrNotFound) {
		config, err = &eventConfig{}, nil
	}
	if err != nil {
		return eventSettings{}, err
	}
	return eventSettings{
		retries: int(or(config.Retries, 2)),
		maxAge:  time.Duration(or(config.MaxAge, int64(maxEventAge/time.Second))) * time.Second,
	}, nil
}
