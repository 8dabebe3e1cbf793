package policy

import "fmt"

// Policy is a parsed and compiled policy: immutable, safe for concurrent use.
type Policy struct {
	kind Kind
	text []byte
}

// Named is a policy with the ARN or inline name by which explanations call it.
type Named struct {
	Name   string
	Policy *Policy
}

// SyntaxError says where a policy's text stops being a policy, and why.
type SyntaxError struct {
	Line, Column int // from 1; Column counts bytes
	Reason       string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// Parse compiles text as a policy of the given kind. Its error is a *SyntaxError.
func Parse(kind Kind, text []byte) (*Policy, error) {
	panic("policy.Parse: being written")
}

// Kind returns the kind with which the policy was parsed.
func (p *Policy) Kind() Kind { return p.kind }

// Text returns the policy as it was given to Parse. It must not be changed.
func (p *Policy) Text() []byte { return p.text }
