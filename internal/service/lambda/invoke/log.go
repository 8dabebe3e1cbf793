package invoke

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
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

// LogEvent is one line with its line end, or a record of several lines joined
// by "\r".
type LogEvent struct {
	Time    time.Time
	Message string
}

const (
	// maxPending bounds the bytes of events that wait for the sink, over all
	// streams. A function that writes faster than the sink takes loses events
	// and is told how many.
	maxPending = 32 << 20
	// maxPendingStream is the same for one stream, so that one function cannot
	// silence the others.
	maxPendingStream = 4 << 20
	// flushAt wakes the writer before its time.
	flushAt = 1 << 20
)

// logger hands events to the sink in batches, off the path of requests.
type logger struct {
	sink LogSink
	slog *slog.Logger
	wake chan struct{}
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	bytes   int          // waiting, over all streams
	waiting []*logStream // those with events, in the order of their first
}

// logStream is the stream of one cell. Its fields are the logger's mu's, but
// for batch's names, which never change.
type logStream struct {
	batch   LogBatch
	bytes   int
	dropped int
}

func newLogger(sink LogSink, every time.Duration, log *slog.Logger) *logger {
	l := &logger{sink: sink, slog: log, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run(every)
	return l
}

func (l *logger) add(s *logStream, e LogEvent) {
	if l.sink == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(s.batch.Events) == 0 && s.dropped == 0 {
		l.waiting = append(l.waiting, s)
	}
	if l.bytes+len(e.Message) > maxPending || s.bytes+len(e.Message) > maxPendingStream {
		s.dropped++
		return
	}
	s.batch.Events = append(s.batch.Events, e)
	s.bytes += len(e.Message)
	before := l.bytes
	l.bytes += len(e.Message)
	if before < flushAt && l.bytes >= flushAt {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// run flushes every interval for as long as there is something.
func (l *logger) run(every time.Duration) {
	defer close(l.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-l.wake:
		case <-l.stop:
			l.flush()
			return
		}
		l.flush()
	}
}

func (l *logger) flush() {
	batches := l.take()
	if len(batches) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := l.sink.PutLogs(ctx, batches); err != nil {
		l.slog.Error("function logs were lost", "batches", len(batches), "error", err)
	}
}

func (l *logger) take() []LogBatch {
	l.mu.Lock()
	defer l.mu.Unlock()
	batches := make([]LogBatch, 0, len(l.waiting))
	for _, s := range l.waiting {
		if s.dropped > 0 {
			s.batch.Events = append(s.batch.Events, LogEvent{s.lastTime(), fmt.Sprintf(
				"[cloister] %d log events were dropped here: the function wrote faster than its log could be stored\n", s.dropped)})
		}
		batches = append(batches, s.batch)
		s.batch.Events, s.bytes, s.dropped = nil, 0, 0
	}
	l.waiting, l.bytes = nil, 0
	return batches
}

// lastTime is that of the last event that waits: what follows it in a batch
// must not be earlier.
func (s *logStream) lastTime() time.Time {
	if n := len(s.batch.Events); n > 0 {
		return s.batch.Events[n-1].Time
	}
	return time.Now()
}

// close flushes what waits and ends the writer.
func (l *logger) close() {
	close(l.stop)
	<-l.done
}
