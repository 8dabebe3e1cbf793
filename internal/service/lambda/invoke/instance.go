package invoke

import (
	"io"
	"sync"
	"time"

	"cloister/internal/cell"
	"cloister/internal/redact"
	"cloister/internal/service/lambda/codepkg"
)

// state is where a cell's runtime stands.
type state uint8

const (
	stateInit      state = iota // started, not yet ready
	stateIdle                   // it asked for the next invocation, or may ask any moment
	stateRunning                // it has an invocation
	stateAnswering              // it has begun its answer
	stateAnswered               // the answer is there; the invocation lasts until it asks for the next
	stateDead                   // killed, or ended by itself
)

// instance is one cell with the state machine of its Runtime API. It is kept
// whole on purpose: every transition is in this file, and every one happens
// with mu held.
type instance struct {
	fleet    *Fleet
	fn       *Function // what the cell was started for
	key      string    // of its pool
	stream   string    // its log stream
	id       string
	identity CellIdentity
	leave    func() // ends its way out; nil: it has none
	out      *output
	secrets  *redact.Secrets // that the function was given
	write    io.WriteCloser  // of out; kept until the cell has ended, whose copy may be another
	box      Sandbox
	born     time.Time
	expires  time.Time // when it is too old, or its credentials are; zero: never
	refs     []*codepkg.Ref
	ready    chan struct{} // closed when initialisation ended, one way or the other
	gone     chan struct{} // closed when the state becomes dead

	mu        sync.Mutex
	state     state
	parked    *apiConn          // waits for the answer to "next"
	cur       *invocation       // from running until the runtime asks for the next
	pending   *invocation       // given to a cell that is not parked yet
	conns     map[*apiConn]bool // open connections
	failed    *initFailure      // why initialisation failed
	reporting bool              // such a report is being read
	initTook  time.Duration     // told once, in the first report
	timer     *time.Timer       // at cur's deadline
	peak      int64             // memory, in bytes,
	peakAt    time.Time         // as of then

	// These are the fleet's mu's.
	listed    bool // in its pool, free for a request
	counted   bool // in the fleet's room
	idleSince time.Time
	retired   bool
}

// addConn takes note of a connection, unless there are too many or it is too late.
func (in *instance) addConn(c *apiConn) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state == stateDead || len(in.conns) >= maxConns {
		return false
	}
	in.conns[c] = true
	return true
}

func (in *instance) dropConn(c *apiConn) {
	_ = c.Close()
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.conns, c)
	if in.parked == c {
		in.parked = nil
	}
}

// unparked says whether a connection may be answered: a client that waits for
// the answer to "next" has nothing to say before it has it.
func (in *instance) unparked(c *apiConn) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.parked != c
}

// next is the runtime asking for work on connection c: it ends the invocation
// before, if there was one.
func (in *instance) next(c *apiConn) error {
	in.mu.Lock()
	var before *invocation
	switch {
	case in.state == stateInit:
		in.initTook = time.Since(in.born)
	case in.state == stateAnswered && in.cur != nil:
		before, in.cur = in.cur, nil
		in.timer.Stop()
	case in.state == stateIdle && in.parked == nil: // it asks again on another connection
	default:
		in.mu.Unlock()
		return forbidden("Ready").write(c)
	}
	if before != nil {
		// Its last lines, before the cell can be given anything else.
		in.mu.Unlock()
		in.end(before, "")
		in.mu.Lock()
		if in.state != stateAnswered { // it ended meanwhile
			in.mu.Unlock()
			return forbidden("Ready").write(c)
		}
	}
	first := in.state == stateInit
	in.state, in.parked = stateIdle, c
	in.mu.Unlock()
	if first {
		in.out.say(time.Now()) // what it printed so far comes before its first START
		close(in.ready)
		return nil
	}
	in.resume()
	return nil
}

// resume gives a parked cell the invocation that waited for it, or puts it
// back on the fleet's list.
func (in *instance) resume() {
	in.mu.Lock()
	inv := in.pending
	if inv == nil || in.parked == nil || in.state != stateIdle {
		in.mu.Unlock()
		in.fleet.list(in)
		return
	}
	in.pending = nil
	close(inv.began)
	in.deliver(inv)
}

// offer gives the cell an invocation. waits means that it is not ready for it
// yet: the caller watches inv.began, and can withdraw.
func (in *instance) offer(inv *invocation) (taken, waits bool) {
	in.mu.Lock()
	switch {
	case in.state == stateIdle && in.parked != nil && in.pending == nil:
		in.deliver(inv)
		return true, false
	case (in.state == stateIdle || in.state == stateAnswered) && in.pending == nil:
		inv.began = make(chan struct{})
		in.pending = inv
		in.mu.Unlock()
		return true, true
	}
	in.mu.Unlock()
	return false, false
}

// withdraw takes a waiting invocation back; false: it has begun.
func (in *instance) withdraw(inv *invocation) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.pending != inv {
		return false
	}
	in.pending = nil
	return true
}

// deliver sends an invocation to the parked runtime. It is called with mu held
// and gives it up.
func (in *instance) deliver(inv *invocation) {
	c := in.parked
	in.parked, in.cur, in.state = nil, inv, stateRunning
	inv.started = time.Now()
	inv.deadline = inv.started.Add(inv.fn.Timeout)
	inv.coldInit, in.initTook = in.initTook, 0
	in.timer.Reset(inv.fn.Timeout)
	in.mu.Unlock()
	in.out.begin(inv.started, inv.startLine(), inv.tail)
	// A failed write needs nothing here: the runtime has gone, which its exit
	// reports, or it does not read, which the timer ends.
	_ = c.writeNext(inv)
}

// claim finds the invocation that a runtime answers, once.
func (in *instance) claim(id string) (*invocation, *reply) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state != stateRunning {
		refusal := forbidden("InvocationResponse")
		return nil, &refusal
	}
	if in.cur.req.RequestID != id {
		return nil, &invalidID
	}
	in.state = stateAnswering
	return in.cur, nil
}

// answer gives the caller its result, unless the platform already did. The
// cell is listed first, so that the caller's next request finds it.
func (in *instance) answer(inv *invocation, res *Result) {
	in.mu.Lock()
	if in.cur != inv || in.state != stateAnswering {
		in.mu.Unlock()
		return
	}
	in.state = stateAnswered
	in.mu.Unlock()
	in.fleet.list(in)
	inv.finish(res, nil)
}

// end writes the last lines of an invocation.
func (in *instance) end(inv *invocation, status string, lines ...string) {
	now := time.Now()
	lines = append(lines, inv.endLine(), inv.reportLine(min(now.Sub(inv.started), inv.fn.Timeout), in.memory(now), status))
	in.out.end(now, lines...)
	if inv.ended != nil {
		close(inv.ended)
	}
}

// memory is the peak, read from the kernel at most every 100 ms.
func (in *instance) memory(now time.Time) int64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.box != nil && now.Sub(in.peakAt) > 100*time.Millisecond {
		in.peak, in.peakAt = max(in.peak, in.box.PeakMemory()), now
	}
	return in.peak
}

// expire is the timer's: the running invocation took too long.
func (in *instance) expire() {
	in.mu.Lock()
	inv := in.cur
	if inv == nil || in.state == stateDead || time.Now().Before(inv.deadline) {
		in.mu.Unlock()
		return
	}
	answered := in.state == stateAnswered
	in.die()
	in.mu.Unlock()
	in.out.say(time.Now()) // before the cell is torn down
	in.kill()
	in.end(inv, "Status: timeout", inv.timeoutLine(time.Now()))
	if !answered {
		inv.finish(timedOut(inv.req.RequestID, inv.fn.Timeout), nil)
	}
}

// stopIfIdle ends a cell that has nothing to do. A busy one is left to whoever
// marked it retired: it ends when it asks for more.
func (in *instance) stopIfIdle() {
	in.mu.Lock()
	idle := in.state == stateIdle && in.pending == nil
	if idle {
		in.die()
	}
	in.mu.Unlock()
	if idle {
		in.kill()
	}
}

// kill ends the cell, whatever it does; watch settles the rest. The runtime is
// killed before it can see, and complain, that its connections are closed.
func (in *instance) kill() {
	if in.box != nil {
		in.box.Kill()
	}
	in.hangUp()
}

func (in *instance) hangUp() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for c := range in.conns {
		_ = c.Close()
	}
}

// outdated is called by the fleet: the cell gets no more requests.
func (in *instance) outdated(now time.Time) bool {
	return !in.expires.IsZero() && now.After(in.expires)
}

// die is called with mu held, once.
func (in *instance) die() {
	if in.state == stateInit {
		close(in.ready)
	}
	in.state, in.cur = stateDead, nil
	in.timer.Stop()
	close(in.gone)
}

// watch waits for the end of the cell and settles what it left open.
func (in *instance) watch() {
	<-in.box.Done()
	_ = in.write.Close()
	<-in.out.done
	exit := in.box.Exit()
	in.mu.Lock()
	inv, was := in.cur, in.state
	in.peak, in.peakAt = max(in.peak, exit.PeakMemory), time.Now()
	if was == stateInit && in.failed == nil {
		in.failed = &initFailure{errorType: exitType(exit), text: exitText(exit)}
	}
	if was != stateDead {
		in.die()
	}
	in.mu.Unlock()
	in.hangUp()
	if inv != nil {
		in.crashed(inv, was, exit)
	}
	in.release()
	in.fleet.stopped(in)
}

// crashed ends the invocation that was running when the runtime ended.
func (in *instance) crashed(inv *invocation, was state, exit cell.Exit) {
	line := "RequestId: " + inv.req.RequestID + " Error: " + exitText(exit) + "\n" + exitType(exit) + "\n"
	in.end(inv, "Status: error\tError Type: "+exitType(exit), line)
	if was != stateAnswered {
		inv.finish(exited(inv.req.RequestID, exit), nil)
	}
}
