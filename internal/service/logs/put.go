package logs

import (
	"errors"
	"sort"
	"time"

	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/store"
)

// Limits of a batch
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html).
const (
	maxBatch     = 1048576 // bytes, with overhead
	maxEvent     = 1048576
	overhead     = 26 // bytes that count for each event
	maxSpan      = 24 * time.Hour
	maxPast      = 14 * 24 * time.Hour
	maxFuture    = 2 * time.Hour
	chunkBytes   = 128 << 10     // of a row; larger batches take several
	chunkSpan    = 5 * 60 * 1000 // milliseconds from the first to the last event of a row
	millisPerDay = 24 * 60 * 60 * 1000
)

// sequenceToken is what clients of old are given back; AWS does not look at it
// any more.
const sequenceToken = "49039859627000000000000000000000000000000000000000000000"

func (s *Service) putEvents(c *door.Call, in *api.PutLogEventsRequest) (*api.PutLogEventsResponse, error) {
	g, err := parseGroup(c, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	out, err := s.putUnderKey(c, g, in)
	if errors.Is(err, errKeyChanged) {
		out, err = s.putUnderKey(c, g, in)
	}
	return out, err
}

func (s *Service) putUnderKey(c *door.Call, g groupID, in *api.PutLogEventsRequest) (out *api.PutLogEventsResponse, err error) {
	key, err := s.keyForWriting(c, g)
	if err != nil {
		return nil, err
	}
	err = c.Commit(func(tx *store.Tx) error {
		out, err = putBatch(c, tx, g, key, in)
		return err
	})
	return out, err
}

func putBatch(c *door.Call, tx *store.Tx, g groupID, key *writingKey, in *api.PutLogEventsRequest) (*api.PutLogEventsResponse, error) {
	row, err := groups.Get(tx, g.key())
	if err != nil {
		return nil, or404(err, noGroup())
	}
	if row.KMSKey != key.customer {
		return nil, errKeyChanged
	}
	st, err := streams.Get(tx, g.key(*in.LogStreamName))
	if err != nil {
		return nil, or404(err, noStream())
	}
	if err := checkBatch(in.LogEvents); err != nil {
		return nil, err
	}
	now := c.Time.UnixMilli()
	kept, rejected := acceptable(in.LogEvents, now, row.Retention)
	out := &api.PutLogEventsResponse{NextSequenceToken: ptr(sequenceToken), RejectedLogEventsInfo: rejected}
	if len(kept) == 0 {
		return out, nil
	}
	row.Bytes += st.note(kept, now)
	if key.fresh {
		if err := dataKeys.Put(tx, g.key(key.ID), key.dataKey); err != nil {
			return nil, err
		}
	}
	return out, errors.Join(putChunks(tx, st, key, kept, now), streams.Put(tx, g.key(st.Name), st), groups.Put(tx, g.key(), row))
}

// checkBatch refuses a batch that AWS refuses whole.
func checkBatch(events []*api.InputLogEvent) error {
	size := 0
	for i, e := range events {
		if i > 0 && *e.Timestamp < *events[i-1].Timestamp {
			return invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
		if len(*e.Message) > maxEvent-overhead {
			return invalid("Log event too large: %d bytes exceeds limit of %d", len(*e.Message)+overhead, maxEvent)
		}
		size += len(*e.Message) + overhead
	}
	if size > maxBatch {
		return invalid("Upload too large: %d bytes exceeds limit of %d", size, maxBatch)
	}
	if n := len(events); n > 0 && *events[n-1].Timestamp-*events[0].Timestamp > maxSpan.Milliseconds() {
		return invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// acceptable are the events that are neither too old, too new nor past the
// group's retention; the others are reported as AWS reports them.
func acceptable(events []*api.InputLogEvent, now, retention int64) ([]*api.InputLogEvent, *api.RejectedLogEventsInfo) {
	before := func(limit int64) int {
		return sort.Search(len(events), func(i int) bool { return *events[i].Timestamp >= limit })
	}
	tooOld := before(now - maxPast.Milliseconds())
	expired := 0
	if retention > 0 {
		expired = before(now - retention*millisPerDay)
	}
	tooNew := before(now + maxFuture.Milliseconds() + 1)
	if tooOld == 0 && expired == 0 && tooNew == len(events) {
		return events, nil
	}
	info := &api.RejectedLogEventsInfo{}
	if expired > 0 {
		info.ExpiredLogEventEndIndex = ptr(int64(expired))
	}
	if tooOld > 0 {
		info.TooOldLogEventEndIndex = ptr(int64(tooOld))
	}
	if tooNew < len(events) {
		info.TooNewLogEventStartIndex = ptr(int64(tooNew))
	}
	from := max(tooOld, expired)
	return events[from:max(from, tooNew)], info
}

// note keeps the stream's own figures. It returns the size of the events.
func (st *stream) note(events []*api.InputLogEvent, now int64) (size int64) {
	first, last := *events[0].Timestamp, *events[len(events)-1].Timestamp
	if st.Batches == 0 || first < st.First {
		st.First = first
	}
	st.Last = max(st.Last, last)
	st.LastIngested = now
	for _, e := range events {
		size += int64(len(*e.Message) + overhead)
	}
	st.Bytes += size
	return size
}

// putChunks stores events as rows of a bearable size, each of which lasts no
// longer than chunkSpan: readers hold what overlaps in memory.
func putChunks(tx *store.Tx, st *stream, key *writingKey, events []*api.InputLogEvent, now int64) error {
	c := &chunk{Ingested: now}
	size := 0
	flush := func() error {
		st.Batches++
		c.Last = c.Events[len(c.Events)-1].Time
		at := store.K(st.ID, c.Events[0].Time, st.Batches)
		if err := key.seal(c); err != nil {
			return err
		}
		err := chunks.Put(tx, at, c)
		c, size = &chunk{Ingested: now}, 0
		return err
	}
	for _, e := range events {
		if size > 0 && (size+len(*e.Message) > chunkBytes || *e.Timestamp-c.Events[0].Time > chunkSpan) {
			if err := flush(); err != nil {
				return err
			}
		}
		c.Events = append(c.Events, event{*e.Timestamp, *e.Message})
		size += len(*e.Message) + overhead
	}
	return flush()
}
