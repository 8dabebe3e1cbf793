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
	e := awsapi.Errorf("InternalFailure", "The request processing has failed because of an unknown error, exception or failure.")
	e.Status, e.Cause = http.StatusInternalServerError, err
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return unavailable(err)
	}
	slog.Error("a call failed inside", "error", err)
	return e
}

// guarded runs the entry and turns a panic into an error, so that a mistake in
// one handler is one failed call with a trace in the node's own log.
func (e *entry) guarded(c *Call, in any, authorise func(store.Reader) error) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("a handler panicked", "operation", actionName(e.op), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			out, err = nil, fmt.Errorf("handler panicked")
		}
	}()
	return e.run(c, in, authorise)
}
