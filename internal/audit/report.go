package audit

import (
	"errors"
	"fmt"
)

// ErrTampered is wrapped by every error that says that a log is not what was written.
var ErrTampered = errors.New("the audit log was tampered with")

// Report is what Verify found.
type Report struct {
	Origin     string    `json:"origin"`     // "cloister/NODE", as in checkpoints
	Size       int64     `json:"size"`       // records read
	Root       string    `json:"root"`       // base64 of the root hash over them
	Checkpoint int64     `json:"checkpoint"` // size of the log's own last checkpoint, -1 without one
	Outside    int64     `json:"outside"`    // size of the checkpoint kept elsewhere, -1 without one
	Segments   int       `json:"segments"`
	Opened     bool      `json:"opened"`             // the records were opened, too
	Live       bool      `json:"live"`               // a node is running on the directory
	Notes      []string  `json:"notes,omitempty"`    // what is worth knowing and no problem
	Problems   []Problem `json:"problems,omitempty"` // empty when the log is whole
}

// Problem is one thing wrong with a log.
type Problem struct {
	Kind    Kind   `json:"kind"`
	Segment string `json:"segment,omitempty"` // file name, or "" when it concerns the whole log
	Index   int64  `json:"index"`             // of the first record concerned, -1 when it concerns the whole log
	Message string `json:"message"`           // ends with what to do next
}

// Kind says what is wrong.
type Kind string

const (
	Changed   Kind = "changed"   // a record's bytes are not those that were hashed
	Misplaced Kind = "misplaced" // records were reordered, repeated, or taken out
	Forged    Kind = "forged"    // a record was not sealed for its place under this root key
	Damaged   Kind = "damaged"   // what should be a record is none
	Truncated Kind = "truncated" // records that a checkpoint covers are gone
	Rewritten Kind = "rewritten" // all fits together, but not with a checkpoint
	Resigned  Kind = "re-signed" // the log has another key than it had
	Unsigned  Kind = "unsigned"  // the log's own key or checkpoint is missing or not valid
	Foreign   Kind = "other log" // the checkpoint kept elsewhere is of another log
)

const (
	nextEvidence = "keep the directory as evidence and compare with a copy of the log"
	maxProblems  = 10 // reported of each kind
)

// err is nil for a whole log.
func (r *Report) err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	p := r.Problems[0]
	if more := len(r.Problems) - 1; more > 0 {
		return fmt.Errorf("audit: %w (%s, and %d more): %s", ErrTampered, p.Kind, more, p.Message)
	}
	return fmt.Errorf("audit: %w (%s): %s", ErrTampered, p.Kind, p.Message)
}

// has says whether there is a problem of that kind.
func (r *Report) has(kind Kind) bool { return r.count(kind) > 0 }

func (r *Report) count(kind Kind) (n int) {
	for _, p := range r.Problems {
		if p.Kind == kind {
			n++
		}
	}
	return n
}

// problem adds a problem, unless there are many of its kind already.
func (r *Report) problem(kind Kind, segment string, index int64, format string, args ...any) {
	if r.count(kind) < maxProblems {
		r.Problems = append(r.Problems, Problem{kind, segment, index, fmt.Sprintf(format, args...)})
	}
}
