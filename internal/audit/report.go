package audit

import "errors"

// ErrTampered is wrapped by every error that says that a log is not what was written.
var ErrTampered = errors.New("audit log was tampered with")

// Report is what Verify found.
type Report struct {
	Origin   string    // "cloister/NODE", as in checkpoints
	Size     int64     // records verified
	Root     string    // base64 of the root hash over them
	Segments int       // files read
	Opened   bool      // the records were opened, too
	Live     bool      // a node is running on the directory
	Notes    []string  // what is worth knowing and no problem
	Problems []Problem // empty when the log is whole
}

// Problem is one thing wrong with a log.
type Problem struct {
	Kind    Kind
	Segment string // file name, or "" when it concerns the whole log
	Index   int64  // of the first record concerned, -1 when it concerns the whole log
	Message string // ends with what to do next
}

// Kind says what is wrong.
type Kind string
