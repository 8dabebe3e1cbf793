package door

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"cloister/internal/awsapi"
	"cloister/internal/store"
)

// errUnauthenticated marks refusals of callers who are not who they say.
var errUnauthenticated = errors.New("not authenticated")

// wireError turns any error into what the caller may know. Errors that are not
// the wire's own say "internal failure" and nothing of the cause.
func wireError(err error) *awsapi.Error {
	var wire *awsapi.Error
	if errors.As(err, &wire) {
		return wire
	}
	for _, passing := range [...]error{context.Canceled, context.DeadlineExceeded, store.ErrUnhealthy, store.ErrClosed} {
		if errors.Is(err, passing) {
			return unavailable(err)
		}
	}
	slog.Error("a call failed inside", "error", err)
	e := awsapi.Errorf("InternalFailure", "The request processing has failed because of an unknown error, exception or failure.")
	e.Status, e.Cause = http.StatusInternalServerError, err
	return e
}

// errPanicked is the error of a call whose handler, or anything before it,
// panicked.
var errPanicked = errors.New("the call panicked")

// rescue is deferred. It turns a panic into an error, so that a mistake in one
// handler is one failed call, audited, with a trace in the node's own log.
func rescue(c *Call, err *error) {
	p := recover()
	if p == nil {
		return
	}
	name := "unknown"
	if c.Operation != nil {
		name = c.Operation.String()
	}
	slog.Error("a call panicked", "operation", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	*err = errPanicked
}
