// Package decision puts one set of policies and the same requests to three
// engines: this project's, cedar-go and OPA.
//
// The engines are timed only after they gave the same answer to every request.
package decision
