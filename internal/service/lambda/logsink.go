package lambda

import (
	"context"
	"errors"
	"log/slog"
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
	service  *Service
	mute     time.Duration
	sessions map[string]*logSession // by function ARN
}

// logSession is a function's role, taken for writing its logs. PutLogs is called
// from one goroutine, so it needs no lock of its own.
type logSession struct {
	role      string
	principal *door.Principal // nil: the role could not be taken
	expires   time.Time
	streams   map[string]bool // those known to exist, by group and name
	mutedTill time.Time       // after a refusal, so that it is not asked again at once
}

const (
	maxLogSessions = 10_000
	maxBatchBytes  = 1 << 20 // of PutLogEvents, with 26 bytes for each event
	maxBatchEvents = 10_000
)

// muteAfter is how long a function's log is dropped after a refusal.
const muteAfter = 5 * time.Second

// LogSink is where the data plane writes logs.
func (s *Service) LogSink() *LogSink {
	return &LogSink{service: s, mute: muteAfter, sessions: map[string]*logSession{}}
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
	if session.principal == nil {
		err = l.open(ctx, session, b)
	}
	if err == nil {
		err = l.write(ctx, session, b)
	}
	if refused(err) {
		session.principal = nil // the next batch tries with a new one
		session.mutedTill = time.Now().Add(l.mute)
		slog.Warn("a function's log is not kept: its role does not allow it", "function", b.FunctionARN, "error", err)
		return nil
	}
	return err
}

// refused reports whether the role, not the platform, keeps a log from being
// written: it is not allowed to, may not be taken, or is gone.
func refused(err error) bool {
	return coded(err, "AccessDenied") || coded(err, "NoSuchEntity") ||
		coded(err, "InvalidClientTokenId") || coded(err, "ExpiredToken")
}

func coded(err error, code string) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && e.Code == code
}

// session is the function's session, a new one when its role has changed. The
// last words of a function that was deleted are still written.
func (l *LogSink) session(ctx context.Context, b *invoke.LogBatch) (*logSession, error) {
	s := l.sessions[b.FunctionARN]
	role, err := l.service.roleOf(ctx, b.FunctionARN)
	if isNotFound(err) && s != nil {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if s != nil && s.role == role && time.Until(s.expires) > time.Minute {
		return s, nil
	}
	if len(l.sessions) >= maxLogSessions {
		clear(l.sessions)
	}
	s = &logSession{role: role, expires: time.Now().Add(sessionSeconds * time.Second), streams: map[string]bool{}}
	l.sessions[b.FunctionARN] = s
	return s, nil
}

// open takes the session's role.
func (l *LogSink) open(ctx context.Context, s *logSession, b *invoke.LogBatch) error {
	f, err := functionOfARN(b.FunctionARN)
	if err != nil {
		return err
	}
	c, err := l.service.assume(ctx, f, s.role, f.Name)
	if err != nil {
		return err
	}
	s.expires = val(c.Expiration)
	s.principal, err = l.service.door.Session(ctx, val(c.AccessKeyId), val(c.SessionToken))
	return err
}

func functionOfARN(arn string) (ref, error) {
	m := functionPattern.FindStringSubmatch(arn)
	if m == nil || m[3] == "" {
		return ref{}, errors.New("not a function's ARN: " + arn)
	}
	return ref{Account: m[3], Region: m[2], Name: m[5]}, nil
}

// roleOf is the role of a function's latest version.
func (s *Service) roleOf(ctx context.Context, arn string) (role string, err error) {
	f, err := functionOfARN(arn)
	if err != nil {
		return "", err
	}
	err = s.db.View(ctx, func(r store.Reader) error {
		v, err := latestOf(r, f, nil)
		if err == nil {
			role = v.Role
		}
		return err
	})
	return role, err
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
