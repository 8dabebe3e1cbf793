package logs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "cloister/internal/awsapi/logs"
	"cloister/internal/store"
)

// model is what the service should hold, in the plainest form.
type model map[string]*modelGroup

type modelGroup struct {
	retention int64
	streams   map[string][]modelEvent // in the order in which they came
}

type modelEvent struct {
	time    int64
	message string
}

// visible are the events of a stream within [from, to) that are not past the
// retention, in their order.
func (g *modelGroup) visible(stream string, now time.Time, from, to int64) (all []modelEvent) {
	if g.retention > 0 {
		from = max(from, now.UnixMilli()-g.retention*millisPerDay)
	}
	for _, e := range g.streams[stream] {
		if e.time >= from && e.time < to {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b modelEvent) int { return int(a.time - b.time) })
	return all
}

// machine drives the service and the model side by side.
type machine struct {
	*harness
	model model
	next  int // number of the next message
}

var (
	groupNames  = rapid.SampledFrom([]string{"a", "b"})
	streamNames = rapid.SampledFrom([]string{"s", "t", "u"})
)

func TestModel(t *testing.T) {
	h := newHarness(t)
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{harness: h, model: model{}}
		h.now = start
		m.clear(t) // a run that rapid broke off may have left something
		m.begin(t)
		t.Repeat(map[string]func(*rapid.T){
			"":             func(*rapid.T) {},
			"create group": m.createGroup, "delete group": m.deleteGroup,
			"create stream": m.createStream, "delete stream": m.deleteStream,
			"put": m.put, "put again": m.put, "put more": m.put,
			"get": m.get, "filter": m.filterPages,
			"retention": m.setRetention, "time": m.passTime, "sweep": m.sweep,
		})
		m.clear(t)
	})
}

// begin makes a group with streams, so that most that is done later succeeds.
func (m *machine) begin(t *rapid.T) {
	do(m.harness, t, api.OpCreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: ptr("a")})
	m.model["a"] = &modelGroup{streams: map[string][]modelEvent{}}
	for _, stream := range []string{"s", "t"} {
		do(m.harness, t, api.OpCreateLogStream, &api.CreateLogStreamRequest{LogGroupName: ptr("a"), LogStreamName: &stream})
		m.model["a"].streams[stream] = nil
	}
}

// clear removes everything and checks that nothing is left.
func (m *machine) clear(t *rapid.T) {
	m.check(t)
	for _, g := range do(m.harness, t, api.OpDescribeLogGroups, &api.DescribeLogGroupsRequest{}).LogGroups {
		do(m.harness, t, api.OpDeleteLogGroup, &api.DeleteLogGroupRequest{LogGroupName: g.LogGroupName})
	}
	m.sweep(t)
	m.check(t)
	err := m.DB.View(t.Context(), func(r store.Reader) error {
		for item, err := range chunks.Scan(r, nil, nil) {
			return fmt.Errorf("a chunk is left: %v %w", item.Key, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// expect checks that a call fails if something is missing or in the way.
func expect(t *rapid.T, err error, fine bool, code string) {
	t.Helper()
	if fine != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), code) {
		t.Fatalf("fine %t: %v", fine, err)
	}
}

func (m *machine) createGroup(t *rapid.T) {
	name := groupNames.Draw(t, "group")
	_, err := try(m.harness, api.OpCreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: &name})
	expect(t, err, m.model[name] == nil, "ResourceAlreadyExistsException")
	if err == nil {
		m.model[name] = &modelGroup{streams: map[string][]modelEvent{}}
	}
}

func (m *machine) deleteGroup(t *rapid.T) {
	name := groupNames.Draw(t, "group")
	_, err := try(m.harness, api.OpDeleteLogGroup, &api.DeleteLogGroupRequest{LogGroupName: &name})
	expect(t, err, m.model[name] != nil, "ResourceNotFoundException")
	delete(m.model, name)
}

// draw picks a group and a stream, and says whether they exist.
func (m *machine) draw(t *rapid.T) (group, stream string, g *modelGroup, exists bool) {
	group, stream = groupNames.Draw(t, "group"), streamNames.Draw(t, "stream")
	if g = m.model[group]; g != nil {
		_, exists = g.streams[stream]
	}
	return group, stream, g, exists
}

func (m *machine) createStream(t *rapid.T) {
	group, stream, g, exists := m.draw(t)
	_, err := try(m.harness, api.OpCreateLogStream, &api.CreateLogStreamRequest{LogGroupName: &group, LogStreamName: &stream})
	expect(t, err, g != nil && !exists, "Resource")
	if err == nil {
		g.streams[stream] = nil
	}
}

func (m *machine) deleteStream(t *rapid.T) {
	group, stream, g, exists := m.draw(t)
	_, err := try(m.harness, api.OpDeleteLogStream, &api.DeleteLogStreamRequest{LogGroupName: &group, LogStreamName: &stream})
	expect(t, err, exists, "ResourceNotFoundException")
	if exists {
		delete(g.streams, stream)
	}
}

// put puts a batch whose events lie close together or far apart, and some of
// them too far back or ahead.
func (m *machine) put(t *rapid.T) {
	group, stream, g, exists := m.draw(t)
	span := rapid.SampledFrom([]int64{3, chunkSpan, 2 * chunkSpan, millisPerDay}).Draw(t, "span")
	age := rapid.OneOf(rapid.Int64Range(-3*3_600_000, 15*millisPerDay), rapid.Int64Range(0, 3*chunkSpan))
	first := m.now.UnixMilli() - age.Draw(t, "age")
	offsets := rapid.SliceOfN(rapid.Int64Range(0, span), 1, 6).Draw(t, "offsets")
	slices.Sort(offsets)
	var batch []*api.InputLogEvent
	for _, offset := range offsets {
		m.next++
		batch = append(batch, &api.InputLogEvent{Timestamp: ptr(first + offset), Message: ptr(fmt.Sprintf("m%d %s", m.next%3, strings.Repeat("x", m.next%7)))})
	}
	out, err := try(m.harness, api.OpPutLogEvents, &api.PutLogEventsRequest{LogGroupName: &group, LogStreamName: &stream, LogEvents: batch})
	expect(t, err, exists, "ResourceNotFoundException")
	if err == nil {
		kept := m.accept(t, g, batch, out.RejectedLogEventsInfo)
		g.streams[stream] = append(g.streams[stream], kept...)
	}
}

// accept decides for each event alone, and checks that the answer says so.
func (m *machine) accept(t *rapid.T, g *modelGroup, batch []*api.InputLogEvent, info *api.RejectedLogEventsInfo) (kept []modelEvent) {
	now, old, expired, early := m.now.UnixMilli(), 0, 0, len(batch)
	for i, e := range batch {
		tooOld := *e.Timestamp < now-14*millisPerDay
		past := g.retention > 0 && *e.Timestamp < now-g.retention*millisPerDay
		tooNew := *e.Timestamp > now+2*3_600_000
		switch {
		case tooNew:
			early = min(early, i)
		case !tooOld && !past:
			kept = append(kept, modelEvent{*e.Timestamp, *e.Message})
		}
		if tooOld {
			old = i + 1
		}
		if past {
			expired = i + 1
		}
	}
	if info == nil {
		info = &api.RejectedLogEventsInfo{}
	}
	if int(val(info.TooOldLogEventEndIndex)) != old || int(val(info.ExpiredLogEventEndIndex)) != expired || int(or(info.TooNewLogEventStartIndex, int64(len(batch)))) != early {
		t.Fatalf("old %d, expired %d, early %d: %+v", old, expired, early, info)
	}
	return kept
}

// get reads a whole stream in pages, forwards or backwards.
func (m *machine) get(t *rapid.T) {
	group, stream, g, exists := m.draw(t)
	in := &api.GetLogEventsRequest{LogGroupName: &group, LogStreamName: &stream, Limit: ptr(rapid.Int64Range(1, 7).Draw(t, "limit"))}
	from, to := m.window(t)
	in.StartTime, in.EndTime = &from, &to
	forwards := rapid.Bool().Draw(t, "forwards")
	in.StartFromHead = &forwards
	if !exists {
		_, err := try(m.harness, api.OpGetLogEvents, in)
		expect(t, err, false, "ResourceNotFoundException")
		return
	}
	var got []modelEvent
	for {
		out := do(m.harness, t, api.OpGetLogEvents, in)
		var some []modelEvent
		for _, e := range out.Events {
			some = append(some, modelEvent{*e.Timestamp, *e.Message})
		}
		next := out.NextForwardToken
		if forwards {
			got = append(got, some...)
		} else {
			got, next = append(some, got...), out.NextBackwardToken
		}
		if val(in.NextToken) == *next {
			break
		}
		in.NextToken = next
	}
	if want := g.visible(stream, m.now, from, to); !slices.Equal(got, want) {
		t.Fatalf("%s/%s [%d,%d) forwards %t: got %v, want %v", group, stream, from, to, forwards, got, want)
	}
}

// window draws a span of time, often without ends.
func (m *machine) window(t *rapid.T) (from, to int64) {
	from, to = 0, m.now.UnixMilli()+10*millisPerDay
	if rapid.Bool().Draw(t, "has an end") {
		to = m.now.UnixMilli() - rapid.Int64Range(-1, 14).Draw(t, "days")*millisPerDay
	}
	if rapid.Bool().Draw(t, "has a beginning") {
		from = max(0, to-rapid.Int64Range(0, 5*millisPerDay).Draw(t, "length"))
	}
	return from, to
}

// filterPages reads what matches in all or some streams of a group, in pages.
func (m *machine) filterPages(t *rapid.T) {
	group := groupNames.Draw(t, "group")
	g := m.model[group]
	pattern := rapid.SampledFrom([]string{"", "m1", "?m0 ?m2", "-xx"}).Draw(t, "pattern")
	from, to := m.window(t)
	in := &api.FilterLogEventsRequest{LogGroupName: &group, FilterPattern: &pattern, StartTime: &from, EndTime: ptr(to - 1), Limit: ptr(rapid.Int64Range(1, 7).Draw(t, "limit"))}
	if rapid.Bool().Draw(t, "by prefix") {
		in.LogStreamNamePrefix = ptr("t")
	}
	if g == nil {
		_, err := try(m.harness, api.OpFilterLogEvents, in)
		expect(t, err, false, "ResourceNotFoundException")
		return
	}
	got, ids, last := map[string][]modelEvent{}, map[string]bool{}, int64(0)
	for more := true; more; more = in.NextToken != nil {
		out := do(m.harness, t, api.OpFilterLogEvents, in)
		for _, e := range out.Events {
			if *e.Timestamp < last || ids[*e.EventId] || len(*e.EventId) != 56 {
				t.Fatalf("%d after %d, id %s", *e.Timestamp, last, *e.EventId)
			}
			last, ids[*e.EventId] = *e.Timestamp, true
			got[*e.LogStreamName] = append(got[*e.LogStreamName], modelEvent{*e.Timestamp, *e.Message})
		}
		in.NextToken = out.NextToken
	}
	for stream := range g.streams {
		var want []modelEvent
		for _, e := range g.visible(stream, m.now, from, to) {
			if strings.HasPrefix(stream, val(in.LogStreamNamePrefix)) && matches(pattern, e.message) {
				want = append(want, e)
			}
		}
		if !slices.Equal(got[stream], want) {
			t.Fatalf("%q in %s/%s: got %v, want %v", pattern, group, stream, got[stream], want)
		}
		delete(got, stream)
	}
	if len(got) > 0 {
		t.Fatalf("events of streams that are not there: %v", got)
	}
}

func matches(pattern, message string) bool {
	switch pattern {
	case "m1":
		return strings.HasPrefix(message, "m1")
	case "?m0 ?m2":
		return !strings.HasPrefix(message, "m1")
	case "-xx":
		return !strings.Contains(message, "xx")
	}
	return true
}

// setRetention makes a group's retention shorter. Made longer, it would show
// again what has not been swept, which nobody promises.
func (m *machine) setRetention(t *rapid.T) {
	group := groupNames.Draw(t, "group")
	days := rapid.SampledFrom([]int64{1, 3, 14}).Draw(t, "days")
	if g := m.model[group]; g != nil && g.retention > 0 {
		days = min(days, g.retention)
	}
	_, err := try(m.harness, api.OpPutRetentionPolicy, &api.PutRetentionPolicyRequest{LogGroupName: &group, RetentionInDays: &days})
	expect(t, err, m.model[group] != nil, "ResourceNotFoundException")
	if err == nil {
		m.model[group].retention = days
	}
}

func (m *machine) passTime(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.Int64Range(0, 30*3_600_000).Draw(t, "milliseconds")) * time.Millisecond)
}

// sweep changes nothing that a reader sees.
func (m *machine) sweep(t *rapid.T) {
	if err := m.service.sweeper.sweep(t.Context(), m.now); err != nil {
		t.Fatal(err)
	}
	m.check(t)
}
