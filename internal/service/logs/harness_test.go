package logs

import (
	"context"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

// start is the time at which every test begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// harness is the service behind a real door, with a clock that only tests move.
// Its sweeper, whose clock is the system's, does not run by itself.
type harness struct {
	*doortest.Harness
	t       testing.TB
	service *Service
	now     time.Time
	root    *door.Principal
}

func newHarness(t testing.TB, beside ...*awsapi.Service) *harness {
	t.Helper()
	h := &harness{t: t, now: start}
	h.Harness = doortest.New(t, append([]*awsapi.Service{&api.Service}, beside...), func(_ *doortest.Harness, c *door.Config) {
		c.Now = func() time.Time { return h.now }
	})
	h.root = h.Root()
	h.service = New(h.DB)
	_ = h.service.Close()
	h.service.Register(h.Door)
	t.Cleanup(func() { h.check(t) })
	return h
}

// fataler is a testing.TB or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (h *harness) check(t fataler) {
	t.Helper()
	if err := h.DB.View(context.Background(), h.service.Check); err != nil {
		t.Fatalf("check: %v", err)
	}
}

// try calls the service as root.
func try[In, Out any](h *harness, op awsapi.Op[In, Out], in *In) (*Out, error) {
	return door.Do(context.Background(), h.Door, h.root, op, in)
}

func do[In, Out any](h *harness, t fataler, op awsapi.Op[In, Out], in *In) *Out {
	t.Helper()
	out, err := try(h, op, in)
	if err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	return out
}

// stream makes a group with a stream.
func (h *harness) stream(group, stream string) {
	h.t.Helper()
	do(h, h.t, api.OpCreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: &group})
	do(h, h.t, api.OpCreateLogStream, &api.CreateLogStreamRequest{LogGroupName: &group, LogStreamName: &stream})
}

// put puts one event for each message, a second apart, the last one now.
func (h *harness) put(group, stream string, messages ...string) *api.PutLogEventsResponse {
	h.t.Helper()
	var batch []*api.InputLogEvent
	for i, m := range messages {
		at := h.now.Add(-time.Duration(len(messages)-1-i) * time.Second).UnixMilli()
		batch = append(batch, &api.InputLogEvent{Timestamp: &at, Message: &m})
	}
	return do(h, h.t, api.OpPutLogEvents, &api.PutLogEventsRequest{LogGroupName: &group, LogStreamName: &stream, LogEvents: batch})
}

// filter are the messages of a group that match a pattern.
func (h *harness) filter(group, pattern string) (messages []string) {
	h.t.Helper()
	out := do(h, h.t, api.OpFilterLogEvents, &api.FilterLogEventsRequest{LogGroupName: &group, FilterPattern: &pattern})
	for _, e := range out.Events {
		messages = append(messages, *e.Message)
	}
	return messages
}
