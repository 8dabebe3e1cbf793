package invoke

import (
	"io"
	"strconv"
	"sync"
	"time"
)

// invocation is one request on its way through a cell.
type invocation struct {
	fn       *Function
	req      *Request
	finished func() // gives the concurrency back; called once, with the answer

	// Set by the cell that takes it, before anyone else can see it.
	started  time.Time
	deadline time.Time
	coldInit time.Duration // of the cell that was started for it; 0: it was warm

	answered chan answer   // one, buffered
	ended    chan struct{} // closed after the last log line; nil unless LogTail
	began    chan struct{} // closed when a cell that was not ready yet took it up
	tail     *tail

	streamMu sync.Mutex
	stream   io.Writer
	deaf     bool // the caller has gone: nothing may be written to it
}

type answer struct {
	res *Result
	err error
}

func newInvocation(fn *Function, req *Request, finished func()) *invocation {
	inv := &invocation{fn: fn, req: req, finished: finished, answered: make(chan answer, 1)}
	if req.LogTail {
		inv.ended = make(chan struct{})
		inv.tail = &tail{}
	}
	return inv
}

func (inv *invocation) arn() string {
	if inv.req.InvokedARN != "" {
		return inv.req.InvokedARN
	}
	return inv.fn.ARN
}

// finish gives the concurrency back and then the answer: a caller that has
// its answer finds its place free.
func (inv *invocation) finish(res *Result, err error) {
	if res != nil {
		res.ExecutedVersion = inv.fn.Version
	}
	inv.finished()
	inv.answered <- answer{res, err}
}

// streamTo begins the answer to a caller that takes it as it comes.
func (inv *invocation) streamTo(contentType string) io.Writer {
	inv.streamMu.Lock()
	defer inv.streamMu.Unlock()
	if !inv.deaf {
		inv.stream = inv.req.Stream(contentType)
	}
	return inv
}

// Write passes bytes to the caller for as long as there is one; a caller that
// broke off does not break the function off.
func (inv *invocation) Write(p []byte) (int, error) {
	inv.streamMu.Lock()
	defer inv.streamMu.Unlock()
	if inv.stream == nil || inv.deaf {
		return len(p), nil
	}
	if _, err := inv.stream.Write(p); err != nil {
		inv.deaf = true
	}
	return len(p), nil
}

// hangUp makes sure that nothing is written to the caller any more.
func (inv *invocation) hangUp() {
	inv.streamMu.Lock()
	defer inv.streamMu.Unlock()
	inv.deaf = true
}

// startLine, endLine and reportLine are the platform's words about an
// invocation, as AWS writes them.
func (inv *invocation) startLine() string {
	return "START RequestId: " + inv.req.RequestID + " Version: " + inv.fn.Version + "\n"
}

func (inv *invocation) endLine() string {
	return "END RequestId: " + inv.req.RequestID + "\n"
}

func (inv *invocation) timeoutLine(now time.Time) string {
	return now.UTC().Format("2006-01-02T15:04:05.000Z ") + inv.req.RequestID + " " + timeoutText(inv.fn.Timeout) + "\n\n"
}

// reportLine bills whole milliseconds, initialisation included, as AWS does
// since August 2025.
func (inv *invocation) reportLine(took time.Duration, memory int64, status string) string {
	b := make([]byte, 0, 256)
	b = append(append(b, "REPORT RequestId: "...), inv.req.RequestID...)
	b = appendMillis(append(b, "\tDuration: "...), took)
	b = append(b, " ms\tBilled Duration: "...)
	b = strconv.AppendInt(b, ceilMillis(took+inv.coldInit), 10)
	b = append(b, " ms\tMemory Size: "...)
	b = strconv.AppendInt(b, int64(inv.fn.MemoryMB), 10)
	b = append(b, " MB\tMax Memory Used: "...)
	b = strconv.AppendInt(b, min((memory+1<<20-1)>>20, int64(inv.fn.MemoryMB)), 10)
	b = append(b, " MB\t"...)
	if inv.coldInit > 0 {
		b = appendMillis(append(b, "Init Duration: "...), inv.coldInit)
		b = append(b, " ms\t"...)
	}
	return string(append(append(b, status...), '\n'))
}

func appendMillis(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', 2, 64)
}

func ceilMillis(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
