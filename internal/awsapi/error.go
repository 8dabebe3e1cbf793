package awsapi

import "fmt"

// An Error is what a client gets instead of an answer. Code and Message are
// AWS's own words; Cause stays inside the process.
type Error struct {
	Code    string         // the query protocol's code or the error shape's name; either finds the model's entry
	Message string         // sent to the client
	Status  int            // HTTP status; 0 takes the model's, else 400
	Members map[string]any // further members of the error shape, by their model names
	Cause   error          // never sent
}

// Errorf makes an error of a code that the operation's model knows (its HTTP
// status is then the model's) or any other (status 400).
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error gives code and message, never the cause.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// With returns e with one more member of its shape set.
func (e *Error) With(member string, v any) *Error {
	if e.Members == nil {
		e.Members = map[string]any{}
	}
	e.Members[member] = v
	return e
}
