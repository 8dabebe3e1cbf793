package lambda

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	logsapi "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
	"cloister/policy"
)

// fakeLogs is CloudWatch Logs, as far as the sink asks it.
type fakeLogs struct {
	mu      sync.Mutex
	groups  map[string]bool
	streams map[string][]string // messages
	puts    int
	callers []string
}

func newFakeLogs(h *harness) *fakeLogs {
	l := &fakeLogs{groups: map[string]bool{}, streams: map[string][]string{}}
	door.Write(h.Door, logsapi.OpCreateLogGroup, door.On("logs:CreateLogGroup", func(*door.Call, *logsapi.CreateLogGroupRequest) string { return "*" }), l.createGroup)
	door.Write(h.Door, logsapi.OpCreateLogStream, door.On("logs:CreateLogStream", func(*door.Call, *logsapi.CreateLogStreamRequest) string { return "*" }), l.createStream)
	door.Act(h.Door, logsapi.OpPutLogEvents, door.On("logs:PutLogEvents", func(*door.Call, *logsapi.PutLogEventsRequest) string { return "*" }), l.put)
	return l
}

func (l *fakeLogs) createGroup(_ *door.Call, _ *store.Tx, in *logsapi.CreateLogGroupRequest) (*awsapi.None, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups[*in.LogGroupName] = true
	return none, nil
}

func (l *fakeLogs) createStream(_ *door.Call, _ *store.Tx, in *logsapi.CreateLogStreamRequest) (*awsapi.None, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := *in.LogGroupName + " " + *in.LogStreamName
	switch {
	case !l.groups[*in.LogGroupName]:
		return nil, awsapi.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
	case l.streams[name] != nil:
		return nil, awsapi.Errorf("ResourceAlreadyExistsException", "The specified log stream already exists")
	}
	l.streams[name] = []string{}
	return none, nil
}

func (l *fakeLogs) put(c *door.Call, in *logsapi.PutLogEventsRequest) (*logsapi.PutLogEventsResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.callers = append(l.callers, c.Principal.RoleARN)
	name := *in.LogGroupName + " " + *in.LogStreamName
	if l.streams[name] == nil {
		return nil, awsapi.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
	}
	l.puts++
	for _, e := range in.LogEvents {
		l.streams[name] = append(l.streams[name], *e.Message)
	}
	return &logsapi.PutLogEventsResponse{}, nil
}

func (l *fakeLogs) text() string { return strings.Join(l.streams["/g s"], "") }

func batch(messages ...string) []invoke.LogBatch {
	b := invoke.LogBatch{Account: "123456789012", Region: "us-east-1", FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:f", Group: "/g", Stream: "s"}
	for _, m := range messages {
		b.Events = append(b.Events, invoke.LogEvent{Time: time.Unix(1, 0), Message: m})
	}
	return []invoke.LogBatch{b}
}

// allow sets what the sessions of a role may do; nothing at all when it is empty.
func (h *harness) allow(role, document string) {
	h.t.Helper()
	all := &policy.Policies{}
	if document != "" {
		p, err := policy.Parse(policy.KindIdentity, []byte(document))
		h.must(err)
		all.Identity = []policy.Named{{Name: "p", Policy: p}}
	}
	h.Users.Set(roleSession(role), all)
}

func TestTheSinkMakesWhatIsMissing(t *testing.T) {
	h := newHarness(t)
	l, sink := newFakeLogs(h), h.lambda.LogSink()
	h.create("f", "one")
	h.allow("works", allowAll)
	h.must(sink.PutLogs(context.Background(), batch("a\n", "", "b\n")))
	delete(l.streams, "/g s") // somebody deletes the stream, then the group
	h.must(sink.PutLogs(context.Background(), batch("c\n")))
	if l.text() != "c\n" {
		t.Errorf("after the stream was deleted the log is %q", l.text())
	}
	clear(l.streams)
	clear(l.groups)
	h.must(sink.PutLogs(context.Background(), batch("d\n")))
	if l.text() != "d\n" || l.callers[0] != goodRole {
		t.Errorf("the log is %q, written by %v", l.text(), l.callers)
	}
}

// A role that may not write logs is not asked at every line, but again after a
// while: a permission that is given counts.
func TestARefusedLogIsMutedForAWhile(t *testing.T) {
	h := newHarness(t)
	l, sink := newFakeLogs(h), h.lambda.LogSink()
	sink.mute = time.Hour
	h.create("f", "one")
	h.allow("works", allowAll)
	h.must(sink.PutLogs(context.Background(), batch("before ")))
	h.allow("works", "")
	h.must(sink.PutLogs(context.Background(), batch("refused ")))
	h.allow("works", allowAll)
	h.must(sink.PutLogs(context.Background(), batch("muted ")))
	for _, s := range sink.sessions {
		s.mutedTill = time.Time{} // the while is over
	}
	h.must(sink.PutLogs(context.Background(), batch("after ")))
	if want := "before after "; l.text() != want {
		t.Errorf("the log is %q, want %q", l.text(), want)
	}
}

// A role that Lambda may no longer take is muted like one without permission.
func TestARoleThatCannotBeTakenIsMuted(t *testing.T) {
	h := newHarness(t)
	_, sink := newFakeLogs(h), h.lambda.LogSink()
	h.create("f", "one")
	h.setRole("arn:aws:iam::123456789012:role/distrustful")
	h.must(sink.PutLogs(context.Background(), batch("a")))
	size := h.Audit.Size()
	h.must(sink.PutLogs(context.Background(), batch("b")))
	if n := h.Audit.Size() - size; n != 0 {
		t.Errorf("while it is muted, the role is asked for %d times", n)
	}
}

func (h *harness) setRole(role string) {
	h.must(h.DB.Update(context.Background(), func(tx *store.Tx) error {
		f := ref{Account: "123456789012", Region: "us-east-1", Name: "f"}
		v, err := latestOf(tx, f, nil)
		if err != nil {
			return err
		}
		v.Role = role
		return versions.Put(tx, f.key(int64(latest)), v)
	}))
}

func TestLogsAreWrittenWithTheRoleOfNow(t *testing.T) {
	h := newHarness(t)
	l, sink := newFakeLogs(h), h.lambda.LogSink()
	h.create("f", "one")
	h.allow("works", allowAll)
	h.allow("other", allowAll)
	h.must(sink.PutLogs(context.Background(), batch("a")))
	h.setRole("arn:aws:iam::123456789012:role/other")
	h.must(sink.PutLogs(context.Background(), batch("b")))
	if got := strings.Join(l.callers, " "); got != goodRole+" arn:aws:iam::123456789012:role/other" {
		t.Errorf("the log was written by %s", got)
	}
	_, err := do(h, h.Root(), api.OpDeleteFunction, &api.DeleteFunctionRequest{FunctionName: ptr("f")})
	h.must(err)
	h.must(sink.PutLogs(context.Background(), batch("last words")))
	if l.text() != "ablast words" {
		t.Errorf("the log is %q", l.text())
	}
}

func TestBatchesAreSplit(t *testing.T) {
	big := strings.Repeat("x", 400_000)
	for _, c := range []struct {
		events []string
		parts  []int
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{big, big}, []int{2}},
		{[]string{big, big, big, "y"}, []int{2, 2}},
		{make11000(), []int{10_000, 1_000}},
	} {
		parts := split(batch(c.events...)[0].Events)
		var got []int
		for _, p := range parts {
			got = append(got, len(p))
		}
		if len(got) != len(c.parts) {
			t.Errorf("%d events come in parts of %v, want %v", len(c.events), got, c.parts)
			continue
		}
		for i := range got {
			if got[i] != c.parts[i] {
				t.Errorf("%d events come in parts of %v, want %v", len(c.events), got, c.parts)
			}
		}
	}
}

func make11000() []string {
	all := make([]string, 11_000)
	for i := range all {
		all[i] = "z"
	}
	return all
}
