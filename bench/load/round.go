package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ahead is how many requests each client has signed before a round begins; it
// sends them in turn.
const ahead = 512

// Target is a server and what is asked of it.
type Target struct {
	Address string                      // host:port
	TLS     bool                        // spoken to the server
	Author  Author                      // writes every request, also for a server that does not look who asks
	Request func(client, n int) Request // the n-th request of a client
	Check   func(request []byte, status int, body []byte) error
}

// Round is what one round came to.
type Round struct {
	Latencies []time.Duration // of every request, sorted
	Elapsed   time.Duration
}

// PerSecond is the throughput.
func (r *Round) PerSecond() float64 { return float64(len(r.Latencies)) / r.Elapsed.Seconds() }

// Percentile is the latency that p of 100 requests stay within, in µs.
func (r *Round) Percentile(p int) float64 {
	i := min(len(r.Latencies)*p/100, len(r.Latencies)-1)
	return float64(r.Latencies[i].Nanoseconds()) / 1000
}

// Run has clients ask for as long as length, each one request at a time.
func (t *Target) Run(ctx context.Context, clients int, length time.Duration) (*Round, error) {
	requests := make([][][]byte, clients)
	for c := range requests {
		requests[c] = t.sign(c)
	}
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	latencies, failures := make([][]time.Duration, clients), make([]error, clients)
	began := time.Now()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() { latencies[c], failures[c] = t.client(ctx, requests[c]) })
	}
	all.Wait()
	r := &Round{Latencies: slices.Concat(latencies...), Elapsed: time.Since(began)}
	slices.Sort(r.Latencies)
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	if len(r.Latencies) == 0 {
		return nil, fmt.Errorf("%s answered nothing in %s: %w", t.Address, length, context.Cause(ctx))
	}
	return r, nil
}

func (t *Target) connect() *Conn {
	if t.TLS {
		return TLSClient(t.Address)
	}
	return Client(t.Address)
}

func (t *Target) sign(client int) [][]byte {
	all := make([][]byte, ahead)
	for n := range all {
		r := t.Request(client, n)
		all[n] = t.Author.Signed(t.Address, &r, time.Now())
	}
	return all
}

func (t *Target) client(ctx context.Context, requests [][]byte) ([]time.Duration, error) {
	c := t.connect()
	defer c.Close()
	latencies := make([]time.Duration, 0, 1<<16)
	for n := 0; ctx.Err() == nil; n++ {
		request := requests[n%len(requests)]
		began := time.Now()
		status, body, err := c.Do(request)
		took := time.Since(began)
		if err == nil {
			err = t.Check(request, status, body)
		}
		if err != nil {
			return nil, fmt.Errorf("request %d: %w", n, err)
		}
		latencies = append(latencies, took)
	}
	return latencies, nil
}

// Echoed checks that an answer is the request's own body.
func Echoed(request []byte, status int, body []byte) error {
	if status != 200 || len(body) == 0 || !bytes.HasSuffix(request, body) {
		return fmt.Errorf("status %d, %.200s", status, body)
	}
	return nil
}

// Holds returns a check that an answer is a success that holds text.
func Holds(text string) func([]byte, int, []byte) error {
	return func(_ []byte, status int, body []byte) error {
		if status != 200 || !bytes.Contains(body, []byte(text)) {
			return fmt.Errorf("status %d, without %q: %.300s", status, text, body)
		}
		return nil
	}
}
