package invoke

import "context"

// Fleet runs functions in cells. All methods may be used at once from many
// goroutines.
type Fleet struct{ o Options }

// New makes a fleet without cells.
func New(o Options) *Fleet { return &Fleet{o: o.withDefaults()} }

// Invoke runs one request and waits for its answer. The error is a
// *ThrottleError, a *StartError, ErrShuttingDown or the context's; a function
// that fails is a Result. When ctx ends first, the invocation goes on without
// its caller, as on AWS.
func (f *Fleet) Invoke(ctx context.Context, fn *Function, req *Request) (*Result, error) {
	panic("skeleton")
}

// Retire stops the idle cells of a function and lets the busy ones finish
// their request. With an empty revision it retires all of the function's cells
// (the function was deleted), else all but those of that revision of that version.
func (f *Fleet) Retire(functionARN, version, keepRevision string) {}

// Shutdown refuses new calls, waits for the running ones until ctx ends, stops
// every cell and flushes the logs.
func (f *Fleet) Shutdown(ctx context.Context) error { return nil }
