package invoke

import "errors"

// errUnresolved is the type of the error of a function whose variables refer to
// what it cannot have.
const errUnresolved = "Runtime.UnresolvedReference"

// UnresolvedError says that a function's variables refer to a secret that there
// is not, or that its role may not have. It is the function's own failure, and
// tells nothing of what is referred to.
type UnresolvedError struct{ Reason string }

func (e *UnresolvedError) Error() string { return e.Reason }

// badReference tells a function whose variables cannot be resolved from an
// environment that could not be had.
func badReference(err error) *initFailure {
	var bad *UnresolvedError
	if errors.As(err, &bad) {
		return &initFailure{errorType: errUnresolved, text: bad.Reason}
	}
	return nil
}
