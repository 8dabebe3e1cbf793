package apigatewayv2

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cloister/internal/awsapi"
	logsapi "cloister/internal/awsapi/logs"
	"cloister/internal/door"
)

// accessLine is a line on its way to a log group.
type accessLine struct {
	group, account, source, text string
	at                           time.Time
}

// Bounds of what waits, and of a batch.
const (
	mostWaiting    = 20_000
	accessInterval = time.Second
	mostBatch      = 5_000
	mostBatchBytes = 900 << 10
	mostLine       = 16 << 10
)

// logAccess gives the line of an exchange to the writer. Lines that it cannot take
// in time are lost: nobody's request waits for a log.
func (s *Service) logAccess(x *exchange, requestID, sourceIP string) {
	if x.stage == nil || x.stage.log == nil {
		return
	}
	line := x.stage.log.Line(func(name string) string { return x.context(requestID, sourceIP, name) })
	line = line[:min(len(line), mostLine)]
	select {
	case s.lines <- accessLine{x.stage.logGroup, x.api.row.Account, x.api.row.executeARN(x.stage.name), line, time.Now()}:
	default:
		s.lost.Add(1)
	}
}

// Run writes access logs until ctx ends, and then ends the connections of WebSocket
// APIs and writes what is left.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(accessInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.sockets.close()
			s.writeAccess(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			s.writeAccess(ctx)
		}
	}
}

// writeAccess writes what waits now, group by group.
func (s *Service) writeAccess(ctx context.Context) {
	if lost := s.lost.Swap(0); lost > 0 {
		slog.Warn("lines of access logs were lost: requests came faster than they can be written", "lines", lost)
	}
	type place struct{ group, account, source string }
	waiting := map[place][]*logsapi.InputLogEvent{}
	for range len(s.lines) {
		line := <-s.lines
		at := place{line.group, line.account, line.source}
		waiting[at] = append(waiting[at], &logsapi.InputLogEvent{Timestamp: ptr(line.at.UnixMilli()), Message: ptr(line.text)})
	}
	for at, events := range waiting {
		for len(events) > 0 {
			n := batch(events)
			if err := s.putLines(ctx, at.group, at.account, at.source, events[:n]); err != nil {
				slog.Warn("an access log could not be written", "group", at.group, "error", err)
				break
			}
			events = events[n:]
		}
	}
}

// batch is how many events go together, one at the least.
func batch(events []*logsapi.InputLogEvent) int {
	size := 0
	for i, e := range events {
		if size += len(*e.Message) + 26; i > 0 && (size > mostBatchBytes || i == mostBatch) {
			return i
		}
	}
	return len(events)
}

// putLines writes events as the service that delivers logs, for the stage.
func (s *Service) putLines(ctx context.Context, group, account, source string, events []*logsapi.InputLogEvent) error {
	m := groupARN.FindStringSubmatch(group)
	name := m[3]
	ctx = door.WithinPlatform(ctx, door.Inside{Region: m[1]})
	as := door.ServicePrincipal("delivery.logs.amazonaws.com", source, account)
	stream := events[0]
	put := &logsapi.PutLogEventsRequest{LogGroupName: &name, LogStreamName: ptr(time.UnixMilli(*stream.Timestamp).UTC().Format("2006-01-02")), LogEvents: events}
	_, err := door.Do(ctx, s.door, as, logsapi.OpPutLogEvents, put)
	var wire *awsapi.Error
	if !errors.As(err, &wire) || wire.Code != "ResourceNotFoundException" {
		return err
	}
	if _, err := door.Do(ctx, s.door, as, logsapi.OpCreateLogStream, &logsapi.CreateLogStreamRequest{LogGroupName: &name, LogStreamName: put.LogStreamName}); err != nil {
		if !errors.As(err, &wire) || wire.Code != "ResourceAlreadyExistsException" {
			return err
		}
	}
	_, err = door.Do(ctx, s.door, as, logsapi.OpPutLogEvents, put)
	return err
}
