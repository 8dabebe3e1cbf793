package logs

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/service/logs/pattern"
	"cloister/internal/store"
)

func (s *Service) filterEvents(c *door.Call, in *api.FilterLogEventsRequest) (out *api.FilterLogEventsResponse, err error) {
	err = s.viewEvents(c, in.LogGroupName, in.LogGroupIdentifier, func(r store.Reader, keys opener) error {
		out, err = filterPage(c, r, keys, in)
		return err
	})
	return out, err
}

func filterPage(c *door.Call, r store.Reader, keys opener, in *api.FilterLogEventsRequest) (*api.FilterLogEventsResponse, error) {
	g, row, err := findGroup(c, r, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	f, err := parseFilter(in, window(c, row, in.StartTime, inclusive(in.EndTime)))
	if err != nil {
		return nil, err
	}
	chosen, err := chooseStreams(r, g, in, f.within)
	if err != nil {
		return nil, err
	}
	if err := f.run(r, keys, chosen); err != nil {
		return nil, err
	}
	return f.answer(), nil
}

// inclusive is the exclusive end for an end that is included.
func inclusive(end *int64) *int64 {
	if end == nil || *end == math.MaxInt64 {
		return end
	}
	return ptr(*end + 1)
}

// chooseStreams are the streams that a request names, or those with its prefix
// that have events in the window.
func chooseStreams(r store.Reader, g groupID, in *api.FilterLogEventsRequest, within span) (chosen []*stream, err error) {
	if len(in.LogStreamNames) > 0 && val(in.LogStreamNamePrefix) != "" {
		return nil, invalid("LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters.")
	}
	if len(in.LogStreamNames) > 0 {
		return namedStreams(r, g, in.LogStreamNames)
	}
	for item, err := range streams.Scan(r, g.key(), nil) {
		if err != nil {
			return nil, err
		}
		st := item.Value
		if strings.HasPrefix(st.Name, val(in.LogStreamNamePrefix)) && st.Batches > 0 && st.First < within.to && st.Last >= within.from {
			chosen = append(chosen, st)
		}
	}
	return chosen, nil
}

// namedStreams are the streams of the names, each once. All must exist.
func namedStreams(r store.Reader, g groupID, names []string) (chosen []*stream, err error) {
	names = slices.Clone(names)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		st, err := streams.Get(r, g.key(name))
		if err != nil {
			return nil, or404(err, noStream())
		}
		chosen = append(chosen, st)
	}
	return chosen, nil
}

// filter is one page of FilterLogEvents.
type filter struct {
	within span
	match  *pattern.Pattern
	after  *mark
	limit  int

	found []found
	more  bool
}

// mark is an event's place among all events of a group: by time, then by
// stream.
type mark struct {
	at     position
	stream string // id
}

func (m mark) compare(n mark) int {
	if m.at.Time != n.at.Time {
		return m.at.compare(n.at)
	}
	if d := strings.Compare(m.stream, n.stream); d != 0 {
		return d
	}
	return m.at.compare(n.at)
}

// eventID names an event as AWS does: by 56 digits in the order of time.
func (m mark) eventID() string {
	stream := fnv.New64a()
	_, _ = stream.Write([]byte(m.stream))
	return fmt.Sprintf("%014d%014d%08d%020d", m.at.Time, m.at.Batch, m.at.Index, stream.Sum64())
}

type found struct {
	*stored
	mark
	name string
}

func parseFilter(in *api.FilterLogEventsRequest, within span) (*filter, error) {
	f := &filter{within: within, limit: int(or(in.Limit, maxEvents))}
	var err error
	if f.match, err = pattern.Parse(val(in.FilterPattern)); err != nil {
		return nil, invalid("Invalid filter pattern: %s", err.Error())
	}
	if token := val(in.NextToken); token != "" {
		place, id, ok := strings.Cut(token, "/")
		at, err := decodePosition(place)
		if !ok || err != nil {
			return nil, badToken()
		}
		f.after = &mark{at, id}
		f.within.from = max(f.within.from, at.Time)
	}
	return f, nil
}

// run reads the streams one after the other and keeps the first events of them
// all: at most limit and one more are held at a time.
func (f *filter) run(r store.Reader, keys opener, chosen []*stream) error {
	for _, st := range chosen {
		err := readStream(r, keys, st.ID, f.within, func(e *stored) bool { return f.consider(st, e) })
		if err != nil {
			return err
		}
	}
	f.cut()
	return nil
}

// consider adds an event that matches and reports whether later ones of its
// stream can still be among the first.
func (f *filter) consider(st *stream, e *stored) bool {
	here := found{e, mark{e.at, st.ID}, st.Name}
	if f.after != nil && here.mark.compare(*f.after) <= 0 {
		return true
	}
	full := len(f.found) > f.limit
	if full && here.mark.compare(f.found[len(f.found)-1].mark) > 0 {
		return false
	}
	if !f.match.Match(e.Message) {
		return true
	}
	i, _ := slices.BinarySearchFunc(f.found, here.mark, func(a found, m mark) int { return a.mark.compare(m) })
	f.found = slices.Insert(f.found, i, here)
	if full {
		f.found = f.found[:f.limit+1]
	}
	return true
}

// cut keeps what one answer may hold.
func (f *filter) cut() {
	size := 0
	for i, e := range f.found {
		size += len(e.Message) + overhead
		if i == f.limit || i > 0 && size > maxAnswer {
			f.found, f.more = f.found[:i], true
			return
		}
	}
}

func (f *filter) answer() *api.FilterLogEventsResponse {
	out := &api.FilterLogEventsResponse{Events: []*api.FilteredLogEvent{}, SearchedLogStreams: []*api.SearchedLogStream{}}
	for _, e := range f.found {
		out.Events = append(out.Events, &api.FilteredLogEvent{
			LogStreamName: ptr(e.name), Timestamp: ptr(e.Time), Message: ptr(e.Message),
			IngestionTime: ptr(e.ingested), EventId: ptr(e.mark.eventID()),
		})
	}
	if f.more {
		last := f.found[len(f.found)-1].mark
		out.NextToken = ptr(last.at.encode() + "/" + last.stream)
	}
	return out
}
