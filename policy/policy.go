package policy

import (
	"bytes"
	"errors"
	"fmt"
)

// Policy is a parsed and compiled policy: immutable, safe for concurrent use.
type Policy struct {
	kind       Kind
	text       []byte
	statements []statement
	openings   []opening // of the actions of each statement
	keys       []string
	variables  bool // the version has policy variables
}

// Position is a place in a policy's text. Line and Column count from 1; Column
// counts bytes.
type Position struct{ Line, Column int }

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

// Parse compiles text as a policy of the given kind. Its error is a
// *SyntaxError. The grammar is that of the IAM User Guide
// (reference_policies_grammar.html) with what the guide says of each element;
// size limits are not Parse's business.
func Parse(kind Kind, text []byte) (*Policy, error) {
	p := &Policy{kind: kind, text: bytes.Clone(text)}
	root, err := readJSON(p.text)
	if err == nil {
		err = p.compile(root)
	}
	var f *fault
	if errors.As(err, &f) {
		line, column := newLines(p.text).position(f.at)
		return nil, &SyntaxError{Line: line, Column: column, Reason: f.reason}
	}
	return p, nil
}

// Kind returns the kind with which the policy was parsed.
func (p *Policy) Kind() Kind { return p.kind }

// Statements returns how many statements the policy has.
func (p *Policy) Statements() int { return len(p.statements) }

// Text returns the policy as it was given to Parse. It must not be changed.
func (p *Policy) Text() []byte { return p.text }

// lines turns byte offsets into lines and columns.
type lines struct{ starts []int }

func newLines(text []byte) lines {
	starts := []int{0}
	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return lines{starts}
}

func (l lines) at(offset int) Position {
	line, column := l.position(offset)
	return Position{Line: line, Column: column}
}

func (l lines) position(at int) (line, column int) {
	low, high := 0, len(l.starts)
	for high-low > 1 {
		if mid := (low + high) / 2; l.starts[mid] <= at {
			low = mid
		} else {
			high = mid
		}
	}
	return low + 1, at - l.starts[low] + 1
}
