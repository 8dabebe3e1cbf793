package logs

import (
	"math"
	"slices"
	"strings"

	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/store"
)

// Limits of one answer.
const (
	maxEvents = 10_000
	maxAnswer = 1048576 // bytes
)

// window is the span that a request asks for, without what is past the group's
// retention. to is exclusive; nil stands for no end.
func window(c *door.Call, g *group, from, to *int64) span {
	w := span{val(from), or(to, math.MaxInt64)}
	if g.Retention > 0 {
		w.from = max(w.from, c.Time.UnixMilli()-g.Retention*millisPerDay)
	}
	return w
}

func (s *Service) getEvents(c *door.Call, in *api.GetLogEventsRequest) (out *api.GetLogEventsResponse, err error) {
	err = s.viewEvents(c, in.LogGroupName, in.LogGroupIdentifier, func(r store.Reader, keys opener) error {
		out, err = getPage(c, r, keys, in)
		return err
	})
	return out, err
}

func getPage(c *door.Call, r store.Reader, keys opener, in *api.GetLogEventsRequest) (*api.GetLogEventsResponse, error) {
	g, row, err := findGroup(c, r, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	st, err := streams.Get(r, g.key(*in.LogStreamName))
	if err != nil {
		return nil, or404(err, noStream())
	}
	q, err := parseQuery(in, window(c, row, in.StartTime, in.EndTime))
	if err != nil {
		return nil, err
	}
	read := readStream
	if q.backward {
		read = readBack
	}
	if err := read(r, keys, st.ID, q.within, q.take); err != nil {
		return nil, err
	}
	return q.answer(), nil
}

// query is one page of GetLogEvents: forwards from a place, or backwards.
type query struct {
	within   span
	backward bool
	edge     position // the page lies behind it, or before it when backward
	limit    int

	found []*stored
	size  int
}

// parseQuery reads the token, which tells direction and place, or begins at the
// head or, as AWS does if not told otherwise, at the tail.
func parseQuery(in *api.GetLogEventsRequest, within span) (*query, error) {
	q := &query{within: within, limit: int(or(in.Limit, maxEvents))}
	token := val(in.NextToken)
	if token == "" {
		q.backward = !val(in.StartFromHead)
		q.edge = position{Time: within.from, Index: -1}
		if q.backward {
			q.edge = position{Time: within.to}
		}
		return q, nil
	}
	direction, place, ok := strings.Cut(token, "/")
	if !ok || direction != "f" && direction != "b" {
		return nil, badToken()
	}
	q.backward = direction == "b"
	var err error
	q.edge, err = decodePosition(place)
	switch {
	case !q.backward:
		q.within.from = max(q.within.from, q.edge.Time)
	case q.edge.Time < q.within.to:
		q.within.to = q.edge.Time + 1
	}
	return q, err
}

// take adds an event that lies on the page's side of the edge, and reports
// whether more are wanted.
func (q *query) take(e *stored) bool {
	side := e.at.compare(q.edge)
	if side == 0 || q.backward != (side < 0) {
		return true
	}
	if len(q.found) == q.limit || q.size+len(e.Message)+overhead > maxAnswer {
		return false
	}
	q.found = append(q.found, e)
	q.size += len(e.Message) + overhead
	return true
}

// answer has tokens on both sides; at an end the token is the one that was
// given, by which clients know the end.
func (q *query) answer() *api.GetLogEventsResponse {
	first, last := q.edge, q.edge
	if q.backward {
		slices.Reverse(q.found)
	}
	out := &api.GetLogEventsResponse{Events: []*api.OutputLogEvent{}}
	for _, e := range q.found {
		out.Events = append(out.Events, &api.OutputLogEvent{Timestamp: ptr(e.Time), Message: ptr(e.Message), IngestionTime: ptr(e.ingested)})
	}
	if len(q.found) > 0 {
		first, last = q.found[0].at, q.found[len(q.found)-1].at
	} else if q.backward {
		last.Index-- // what stands at the edge lies ahead
	} else {
		first.Index++ // what stands at the edge lies behind
	}
	out.NextForwardToken, out.NextBackwardToken = ptr("f/"+last.encode()), ptr("b/"+first.encode())
	return out
}
