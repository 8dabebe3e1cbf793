package lambda

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
)

// gate holds every invocation until it is opened, and tells which came, in their
// order.
type gate struct {
	open chan struct{}
	once sync.Once
	came chan string // names of functions
}

func newGate(h *harness) *gate {
	g := &gate{open: make(chan struct{}), came: make(chan string, 10_000)}
	h.t.Cleanup(g.release) // before the service is stopped
	h.fleet.answers(func(fn *invoke.Function, _ *invoke.Request) (*invoke.Result, error) {
		g.came <- fn.Name
		<-g.open
		return &invoke.Result{}, nil
	})
	return g
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

// wait counts the next n that come, by function.
func (g *gate) wait(n int) map[string]int {
	counts := map[string]int{}
	for range n {
		counts[<-g.came]++
	}
	return counts
}

// due puts n events of a function into the store and the queue.
func (h *harness) due(name string, n int) {
	h.t.Helper()
	f := ref{Account: "123456789012", Region: "us-east-1", Name: name}
	h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error {
		for i := range n {
			e := &event{ID: fmt.Sprint(name, i), Target: f, Accepted: time.Now()}
			if err := events.Put(tx, store.K(e.ID), e); err != nil {
				return err
			}
		}
		return nil
	}))
	for i := range n {
		h.lambda.events.add(fmt.Sprint(name, i), f, time.Now())
	}
}

// counts are how many events run and how many wait for their turn.
func (q *eventQueue) counts() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.lanes {
		running, waiting = running+l.running, waiting+len(l.due)
	}
	return running, waiting
}

func (h *harness) until(what string, done func() bool) {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("never: %s", what)
		}
	}
}

func TestASlowFunctionDoesNotStarveTheOthers(t *testing.T) {
	h := newHarness(t)
	h.create("slow", "one")
	h.create("quick", "one")
	g := newGate(h)
	h.due("slow", 200)
	h.until("all of slow are due", func() bool { all, waiting := h.lambda.events.counts(); return all+waiting == 200 })
	if got := g.wait(laneWorkers); got["slow"] != laneWorkers {
		t.Errorf("%v came", got)
	}
	h.due("quick", 1)
	if got := g.wait(1); got["quick"] != 1 {
		t.Errorf("%v came, want quick", got)
	}
	if all, _ := h.lambda.events.counts(); all != laneWorkers+1 {
		t.Errorf("%d are in flight, want %d", all, laneWorkers+1)
	}
	g.release()
	g.wait(200 - laneWorkers) // nothing is lost
	h.until("all are done", func() bool { return h.waiting() == 0 })
	h.until("the queue is empty", func() bool {
		q := h.lambda.events
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.lanes)+len(q.waiting)+len(q.targets)+len(q.timers)+q.busy == 0
	})
}

// When everything is busy, places that become free go round.
func TestFunctionsTakeTurns(t *testing.T) {
	h := newHarness(t)
	names := []string{"a", "b", "c", "d", "e", "f"}
	q := newEventQueue(h.lambda, nil)
	var order []string
	for _, name := range names {
		for i := range 2 * laneWorkers {
			q.push(fmt.Sprint(name, i), ref{Name: name})
		}
	}
	for range eventWorkers {
		l, id := q.pick()
		order = append(order, id)
		if l == nil {
			t.Fatal("no more though there is room")
		}
	}
	for i, id := range order {
		if want := fmt.Sprint(names[i%6], i/6); id != want {
			t.Errorf("number %d is %s, want %s", i, id, want)
		}
	}
	if l, _ := q.pick(); l != nil {
		t.Error("more than there is room for")
	}
}

func TestEventsThatWaitTakeNoGoroutines(t *testing.T) {
	h := newHarness(t)
	h.create("slow", "one")
	g := newGate(h)
	h.due("slow", 300)
	g.wait(laneWorkers)
	h.until("all are due", func() bool { all, waiting := h.lambda.events.counts(); return all+waiting == 300 })
	before := runtime.NumGoroutine()
	h.due("slow", 300) // the same again: they wait behind
	h.until("all are due", func() bool { all, waiting := h.lambda.events.counts(); return all+waiting == 600 })
	if more := runtime.NumGoroutine() - before; more > 50 {
		t.Errorf("300 events more that wait take %d goroutines", more)
	}
}

// What waits for its turn when the node stops is kept.
func TestStopKeepsWhatWaitsForItsTurn(t *testing.T) {
	h := newHarness(t)
	h.create("slow", "one")
	g := newGate(h)
	h.due("slow", 100)
	g.wait(laneWorkers)
	stopped := make(chan struct{})
	go func() { h.lambda.Stop(context.Background()); close(stopped) }()
	h.until("it stops", func() bool {
		h.lambda.events.mu.Lock()
		defer h.lambda.events.mu.Unlock()
		return h.lambda.events.stopped
	})
	g.release()
	<-stopped
	if n := h.waiting(); n != 100-laneWorkers {
		t.Errorf("%d are kept, want %d", n, 100-laneWorkers)
	}
}

// An event that cannot be read is tried again in its function's turn.
func TestAnUnreadableEventKeepsItsLane(t *testing.T) {
	h := newHarness(t)
	q := newEventQueue(h.lambda, nil)
	f := ref{Account: "a", Region: "r", Name: "f"}
	q.push("id", f)
	q.pick()
	q.schedule("id", time.Now().Add(time.Hour))
	if got := q.timers["id"].target; got != f {
		t.Errorf("it is in the lane of %+v", got)
	}
	q.stop(context.Background())
}

// All versions and aliases of a function share its lane.
func TestQualifiersShareALane(t *testing.T) {
	q := newEventQueue(newHarness(t).lambda, nil)
	for _, qualifier := range []string{"", "$LATEST", "1", "live"} {
		q.add(qualifier, ref{Name: "f", Qualifier: qualifier}, time.Now().Add(time.Hour))
		if got := q.timers[qualifier].target; got != (ref{Name: "f"}) {
			t.Errorf("%q is in the lane of %+v", qualifier, got)
		}
	}
	q.stop(context.Background())
}
