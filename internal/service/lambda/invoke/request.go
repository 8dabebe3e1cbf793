package invoke

import "io"

// Request is one invocation.
type Request struct {
	// RequestID is a UUID; it is what the function and the log see.
	RequestID string
	// InvokedARN is the function's ARN as it was invoked, with the qualifier
	// if there was one. Empty: the function's ARN.
	InvokedARN string
	// Payload is the event, at most 6 MB (1 MB when asynchronous); JSON was
	// checked by the caller. It must not be changed until Invoke returned.
	Payload []byte
	// TraceID is the X-Ray header, or empty.
	TraceID string
	// ClientContext and CognitoIdentity are JSON documents, or empty.
	ClientContext   string
	CognitoIdentity string
	// LogTail asks for the last 4 KB of the invocation's log, which makes
	// Invoke wait for the end of the invocation, not only for the answer.
	LogTail bool
	// Stream, if set, is asked once for the writer of a response, when its
	// first byte is there; the payload then goes there and not into the
	// result. It is not called for an invocation that fails before it answers.
	// Nothing is written after Invoke returned.
	Stream func(contentType string) io.Writer
}

// Result is what an invocation came to. A function that failed is a result,
// not an error.
type Result struct {
	Payload     []byte // the function's answer, or the JSON document of its failure
	ContentType string // as the runtime gave it
	// FunctionError is the value of X-Amz-Function-Error: empty or "Unhandled".
	FunctionError string
	// ErrorType is the error's type where FunctionError is set
	// ("Runtime.ExitError", "ValueError"), as the runtime or platform named it.
	ErrorType       string
	Streamed        bool   // the answer went to Request.Stream; Payload is set for a failure in the middle only
	LogTail         []byte // at most 4 KB, whole lines at the end; nil unless asked for
	ExecutedVersion string
}

// Unhandled is the only value of X-Amz-Function-Error that today's runtimes
// cause.
const Unhandled = "Unhandled"

// Limits of a payload in bytes, as AWS enforces them; that of the document of an
// error is ours.
const (
	MaxResponse         = 6*1024*1024 + 100
	MaxStreamedResponse = 200 * 1024 * 1024
	MaxError            = 256 * 1024
	MaxTail             = 4096
)
