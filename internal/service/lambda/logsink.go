package lambda

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
)

// LogSink writes what functions log to CloudWatch Logs, through the door and
// with the function's own role: a role without logs permissions has no logs, as
// on AWS.
type LogSink struct {
	service *Service

	mu       sync.Mutex
	sessions map[string]*logSession // by function ARN
}

// logSession is a function's role, taken for writing its logs.
type logSession struct {
	principal *door.Principal
	expires   time.Time
	streams   map[string]bool // those known to exist, by group and name
	mutedTill time.Time       // after a refusal, so that it is not asked again at once
}

const (
	maxLogSessions = 10_000
	muteAfter      = 5 * time.Second
	maxBatchBytes  = 1 << 20 // of PutLogEvents, with 26 bytes for each event
	maxBatchEvents = 10_000
)

// LogSink is where the data plane writes logs.
func (s *Service) LogSink() *LogSink {
	return &LogSink{service: s, sessions: map[string]*logSession{}}
}

// PutLogs implements invoke.LogSink.
func (l *LogSink) PutLogs(ctx context.Context, batches []invoke.LogBatch) error {
	var failed error
	for i := range batches {
		failed = errors.Join(failed, l.put(ctx, &batches[i]))
	}
	return failed
}

func (l *LogSink) put(ctx context.Context, b *invoke.LogBatch) error {
	session, err := l.session(ctx, b)
	if err != nil || time.Now().Before(session.mutedTill) {
		return err
	}
	err = l.write(ctx, session, b)
	if denied(err) {
		session.mutedTill = time.Now().Add(muteAfter)
		slog.Warn("a function's log is not kept: its role does not allow it", "function", b.FunctionARN, "error", err)
		return nil
	}
	return err
}

func denied(err error) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && e.Code == "AccessDenied"
}

func coded(err error, code string) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && e.Code == code
}

// session takes the function's role, or the session taken before.
func (l *LogSink) session(ctx context.Context, b *invoke.LogBatch) (*logSession, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sessions[b.FunctionARN]; s != nil && time.Until(s.expires) > time.Minute {
		return s, nil
	}
	if len(l.sessions) >= maxLogSessions {
		clear(l.sessions)
	}
	f, role, err := l.service.roleOf(ctx, b.FunctionARN)
	if err != nil {
		return nil, err
	}
	c, err := l.service.assume(ctx, f, role, f.Name)
	if err != nil {
		return nil, err
	}
	principal, err := l.service.door.Session(ctx, val(c.AccessKeyId), val(c.SessionToken))
	if err != nil {
		return nil, err
	}
	s := &logSession{principal: principal, expires: val(c.Expiration), streams: map[string]bool{}}
	l.sessions[b.FunctionARN] = s
	return s, nil
}

// roleOf is the role of a function's latest version.
func (s *Service) roleOf(ctx context.Context, arn string) (ref, string, error) {
	m := functionPattern.FindStringSubmatch(arn)
	if m == nil {
		return ref{}, "", errors.New("not a function's ARN: " + arn)
	}
	f := ref{Account: m[3], Region: m[2], Name: m[5]}
	var role string
	err := s.db.View(ctx, func(r store.Reader) error {
		v, err := latestOf(r, f, nil)
		if err == nil {
			role = v.Role
		}
		return err
	})
	return f, role, err
}

// write puts the events into their stream, which it makes first if need be.
func (l *LogSink) write(ctx context.Context, s *logSession, b *invoke.LogBatch) error {
	stream := b.Group + "\x00" + b.Stream
	if !s.streams[stream] {
		if err := l.makeStream(ctx, s, b); err != nil {
			return err
		}
		s.streams[stream] = true
	}
	for _, part := range split(b.Events) {
		err := l.putPart(ctx, s, b, part)
		if coded(err, "ResourceNotFoundException") {
			delete(s.streams, stream)
			if err := l.makeStream(ctx, s, b); err != nil {
				return err
			}
			err = l.putPart(ctx, s, b, part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *LogSink) putPart(ctx context.Context, s *logSession, b *invoke.LogBatch, events []*api.InputLogEvent) error {
	_, err := door.Do(ctx, l.service.door, s.principal, api.OpPutLogEvents, &api.PutLogEventsRequest{
		LogGroupName: ptr(b.Group), LogStreamName: ptr(b.Stream), LogEvents: events,
	})
	return err
}

// makeStream makes the stream and, where it is the first, the group.
func (l *LogSink) makeStream(ctx context.Context, s *logSession, b *invoke.LogBatch) error {
	make := func() error {
		_, err := door.Do(ctx, l.service.door, s.principal, api.OpCreateLogStream, &api.CreateLogStreamRequest{
			LogGroupName: ptr(b.Group), LogStreamName: ptr(b.Stream),
		})
		return unlessExists(err)
	}
	err := make()
	if !coded(err, "ResourceNotFoundException") {
		return err
	}
	_, err = door.Do(ctx, l.service.door, s.principal, api.OpCreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: ptr(b.Group)})
	if err := unlessExists(err); err != nil {
		return err
	}
	return make()
}

func unlessExists(err error) error {
	if coded(err, "ResourceAlreadyExistsException") {
		return nil
	}
	return err
}

// split cuts events into parts that PutLogEvents takes.
func split(events []invoke.LogEvent) [][]*api.InputLogEvent {
	var parts [][]*api.InputLogEvent
	var part []*api.InputLogEvent
	size := 0
	for i := range events {
		if events[i].Message == "" {
			continue
		}
		cost := len(events[i].Message) + 26
		if len(part) == maxBatchEvents || size+cost > maxBatchBytes {
			parts, part, size = append(parts, part), nil, 0
		}
		part = append(part, &api.InputLogEvent{Timestamp: ptr(events[i].Time.UnixMilli()), Message: ptr(events[i].Message)})
		size += cost
	}
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}
