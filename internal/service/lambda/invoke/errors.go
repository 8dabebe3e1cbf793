package invoke

import (
	"errors"
	"fmt"
)

// ErrShuttingDown is returned for calls after Shutdown began.
var ErrShuttingDown = errors.New("the node is shutting down: call another node, or again when it is up")

// ThrottleError says that a concurrency limit was reached. On the wire it is
// TooManyRequestsException with the message "Rate Exceeded.".
type ThrottleError struct {
	Reason string // a value of ThrottleReason in the Lambda API
}

// The reasons of a ThrottleError.
const (
	ReasonReserved = "ReservedFunctionConcurrentInvocationLimitExceeded"
	ReasonAccount  = "ConcurrentInvocationLimitExceeded"
)

func (e *ThrottleError) Error() string { return "rate exceeded: " + e.Reason }

// EnvironmentError says that a function's environment could not be opened for a
// cell; it is wrapped by a StartError.
type EnvironmentError struct{ Err error }

func (e *EnvironmentError) Error() string { return fmt.Sprintf("open the environment: %v", e.Err) }

// Unwrap gives the reason.
func (e *EnvironmentError) Unwrap() error { return e.Err }

// CodeError says that a function's package could not be opened for a cell; it is
// wrapped by a StartError.
type CodeError struct{ Err error }

func (e *CodeError) Error() string { return fmt.Sprintf("open the code: %v", e.Err) }

// Unwrap gives the reason.
func (e *CodeError) Unwrap() error { return e.Err }

// StartError says that no cell could be started: the code cannot be had, the
// kernel cannot contain it (it wraps *cell.UnavailableError), or the runtime
// has gone. It is never the function's fault.
type StartError struct{ Err error }

func (e *StartError) Error() string { return fmt.Sprintf("start a cell: %v", e.Err) }

// Unwrap gives the cause.
func (e *StartError) Unwrap() error { return e.Err }
