package invoke

import (
	"context"
	"time"
)

// LogSink keeps log events. PutLogs is called from one goroutine, with the
// events of a stream in order. An error is reported to the node's own log and
// the batch is lost.
type LogSink interface {
	PutLogs(ctx context.Context, batches []LogBatch) error
}

// LogBatch is some events of one log stream.
type LogBatch struct {
	Account, Region string
	FunctionARN     string
	Group, Stream   string
	Events          []LogEvent
}

// LogEvent is one line, or a record of several lines joined by "\r".
type LogEvent struct {
	Time    time.Time
	Message string
}
