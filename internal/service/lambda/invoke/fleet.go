package invoke

import (
	"context"
	"io"
	"sync"
	"time"

	"cloister/internal/redact"
)

// recallAfter is how long a request waits for a cell that has answered but not
// yet asked for more. Asking takes a runtime some microseconds, starting
// another cell milliseconds.
const recallAfter = 20 * time.Millisecond

// Fleet runs functions in cells. All methods may be used at once from many
// goroutines.
type Fleet struct {
	o    Options
	logs *logger
	stop chan struct{} // ends the reaper

	newOutput func(emit func(LogEvent), secrets *redact.Secrets) (*output, io.WriteCloser, error) // tests need no pipe

	mu       sync.Mutex
	closing  bool
	pools    map[string]*pool   // by Function.poolKey
	current  map[string]string  // pool key by ARN and version: the newest revision seen
	cells    map[*instance]bool // all that are registered, from before their start to their end
	room     room               // what the cells take
	running  map[string]int     // invocations, by function ARN
	accounts map[string]int     // invocations of functions without reservation, by account
	busy     int                // invocations, over all
	idle     chan struct{}      // closed when closing and busy is 0
	live     sync.WaitGroup     // cells
}

// New makes a fleet without cells.
func New(o Options) *Fleet {
	o = o.withDefaults()
	f := &Fleet{
		o: o, room: newRoom(&o), logs: newLogger(o.Logs, o.FlushInterval, o.Slog), stop: make(chan struct{}), newOutput: newOutput,
		pools: map[string]*pool{}, current: map[string]string{}, cells: map[*instance]bool{},
		running: map[string]int{}, accounts: map[string]int{}, idle: make(chan struct{}),
	}
	go f.reap()
	return f
}

// Invoke runs one request and waits for its answer. The error is a
// *ThrottleError, a *StartError, ErrShuttingDown or the context's; a function
// that fails is a Result. When ctx ends first, the invocation goes on without
// its caller, as on AWS.
func (f *Fleet) Invoke(ctx context.Context, fn *Function, req *Request) (*Result, error) {
	if err := f.admit(fn); err != nil {
		return nil, err
	}
	inv := newInvocation(fn, req, func() { f.leave(fn) })
	if req.Stream != nil {
		defer inv.hangUp()
	}
	if !f.warm(inv) {
		go f.cold(context.WithoutCancel(ctx), inv)
	}
	select {
	case a := <-inv.answered:
		return f.withTail(ctx, inv, a)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// withTail waits for the last log lines where they were asked for.
func (f *Fleet) withTail(ctx context.Context, inv *invocation, a answer) (*Result, error) {
	if a.err != nil || inv.ended == nil {
		return a.res, a.err
	}
	select {
	case <-inv.ended:
		a.res.LogTail = inv.tail.b
		return a.res, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// warm tries the free cells, the one used last first.
func (f *Fleet) warm(inv *invocation) bool {
	for {
		in := f.take(inv.fn)
		if in == nil {
			return false
		}
		taken, waits := in.offer(inv)
		if taken && (!waits || in.takesUp(inv, recallAfter)) {
			return true
		}
	}
}

// takesUp waits for a cell that has answered to ask for more.
func (in *instance) takesUp(inv *invocation, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-inv.began:
		return true
	case <-in.gone:
	case <-timer.C:
	}
	return !in.withdraw(inv)
}

// cold starts a cell for an invocation and runs it there.
func (f *Fleet) cold(ctx context.Context, inv *invocation) {
	in, err := f.boot(ctx, inv.fn, phaseInit)
	if err == nil && in.deservesAnother() {
		in, err = f.boot(ctx, inv.fn, phaseInvoke)
	}
	if err != nil {
		inv.finish(nil, err)
		return
	}
	taken, waits := in.offer(inv)
	if taken && (!waits || in.takesUp(inv, inv.fn.Timeout)) {
		return
	}
	in.failInit(inv) // it ended, or hung up, before it got anything to do
	in.kill()
}

// boot starts a cell and waits until its runtime is ready, has failed or is
// too late; initFailed then tells.
func (f *Fleet) boot(ctx context.Context, fn *Function, phase initPhase) (*instance, error) {
	in, err := f.newInstance(fn)
	if err != nil {
		return nil, &StartError{err}
	}
	if err := f.enter(in); err != nil {
		in.abandon()
		return nil, err
	}
	if err := in.launch(ctx); err != nil {
		in.abandon()
		f.stopped(in)
		return nil, &StartError{err}
	}
	timer := time.NewTimer(f.initLimit(fn, phase))
	defer timer.Stop()
	select {
	case <-in.ready:
	case <-timer.C:
		in.initTooLate()
	}
	if failed := in.initFailed(); failed != nil {
		in.logInit(failed, phase)
	}
	return in, nil
}

// admit takes one place of the function's concurrency.
func (f *Fleet) admit(fn *Function) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return ErrShuttingDown
	}
	if fn.Reserved != Unreserved {
		if f.running[fn.ARN] >= fn.Reserved {
			return &ThrottleError{ReasonReserved}
		}
	} else {
		if f.accounts[fn.Account] >= f.o.AccountConcurrency(fn.Account) {
			return &ThrottleError{ReasonAccount}
		}
		f.accounts[fn.Account]++
	}
	f.running[fn.ARN]++
	f.busy++
	return nil
}

// leave gives it back.
func (f *Fleet) leave(fn *Function) {
	f.mu.Lock()
	defer f.mu.Unlock()
	decrease(f.running, fn.ARN)
	if fn.Reserved == Unreserved {
		decrease(f.accounts, fn.Account)
	}
	if f.busy--; f.busy == 0 && f.closing {
		close(f.idle)
	}
}

func decrease(m map[string]int, key string) {
	if m[key]--; m[key] == 0 {
		delete(m, key)
	}
}

// Shutdown refuses new calls, waits for the running ones until ctx ends, stops
// every cell and flushes the logs. It is called once.
func (f *Fleet) Shutdown(ctx context.Context) error {
	f.mu.Lock()
	f.closing = true
	if f.busy == 0 {
		close(f.idle)
	}
	f.mu.Unlock()
	var err error
	select {
	case <-f.idle:
	case <-ctx.Done():
		err = ctx.Err()
	}
	close(f.stop)
	f.stopAll()
	f.logs.close()
	return err
}
