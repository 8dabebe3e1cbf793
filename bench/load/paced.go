package load

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Paced asks perSecond times a second for as long as length, whether or not
// the answers keep up: a request's latency counts from when it was due, so the
// time that it waited for a client counts, too.
func (t *Target) Paced(ctx context.Context, clients, perSecond int, length time.Duration) (*Round, error) {
	count := int(length.Seconds() * float64(perSecond))
	requests := t.sign(0)
	due := make(chan tick, count) // holds them all, so that the clock never waits
	latencies, failures := make([][]time.Duration, clients), make([]error, clients)
	began := time.Now().Add(100 * time.Millisecond) // time for the clients to connect
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() { latencies[c], failures[c] = t.onTime(requests, due) })
	}
	dispatch(ctx, due, began, count, time.Second/time.Duration(perSecond))
	all.Wait()
	r := &Round{Latencies: slices.Concat(latencies...), Elapsed: time.Since(began)}
	slices.Sort(r.Latencies)
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	if len(r.Latencies) != count {
		return nil, fmt.Errorf("%s answered %d of %d requests: %w", t.Address, len(r.Latencies), count, context.Cause(ctx))
	}
	return r, nil
}

// tick is a request to send, the n-th.
type tick struct {
	n   int
	due time.Time
}

// dispatch hands out each request when it is due. It sleeps in the kernel, as
// the runtime's timers are as coarse as what is measured.
func dispatch(ctx context.Context, to chan<- tick, began time.Time, count int, every time.Duration) {
	defer close(to)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // 50 µs without it
	for n := range count {
		due := began.Add(time.Duration(n) * every)
		for wait := time.Until(due); wait > 0 && ctx.Err() == nil; wait = time.Until(due) {
			left := unix.NsecToTimespec(wait.Nanoseconds())
			_ = unix.Nanosleep(&left, nil) // interrupted, it sleeps again
		}
		if ctx.Err() != nil {
			return
		}
		to <- tick{n, due}
	}
}

// onTime is one client: it connects first and then sends what is due.
func (t *Target) onTime(requests [][]byte, due <-chan tick) ([]time.Duration, error) {
	c := t.connect()
	defer c.Close()
	if err := c.dial(); err != nil {
		return nil, err
	}
	var latencies []time.Duration
	for tick := range due {
		request := requests[tick.n%len(requests)]
		status, body, err := c.Do(request)
		took := time.Since(tick.due)
		if err == nil {
			err = t.Check(request, status, body)
		}
		if err != nil {
			return nil, fmt.Errorf("request %d: %w", tick.n, err)
		}
		latencies = append(latencies, took)
	}
	return latencies, nil
}
