package logs

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) createStream(c *door.Call, tx *store.Tx, in *api.CreateLogStreamRequest) (*awsapi.None, error) {
	g, _, err := findGroup(c, tx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	err = streams.Insert(tx, g.key(*in.LogStreamName), &stream{ID: uuid.NewString(), Name: *in.LogStreamName, Created: c.Time.UnixMilli()})
	if errors.Is(err, store.ErrExists) {
		return nil, awsapi.Errorf("ResourceAlreadyExistsException", "The specified log stream already exists")
	}
	return none, err
}

func (s *Service) deleteStream(c *door.Call, tx *store.Tx, in *api.DeleteLogStreamRequest) (*awsapi.None, error) {
	g, row, err := findGroup(c, tx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	st, err := streams.Get(tx, g.key(*in.LogStreamName))
	if err != nil {
		return nil, or404(err, noStream())
	}
	row.Bytes -= st.Bytes
	return none, errors.Join(s.removeStream(tx, g, st.Name), groups.Put(tx, g.key(), row))
}

// removeStream makes a stream unreachable at once; its events follow when the
// sweeper comes by.
func (s *Service) removeStream(tx *store.Tx, g groupID, name string) error {
	st, err := streams.Get(tx, g.key(name))
	if err != nil {
		return err
	}
	tx.Defer(s.sweeper.wake)
	return errors.Join(
		streams.Delete(tx, g.key(name)),
		removed.Put(tx, store.K(st.ID), &removal{st.ID}),
	)
}

func (s *Service) describeStreams(c *door.Call, r store.Reader, in *api.DescribeLogStreamsRequest) (*api.DescribeLogStreamsResponse, error) {
	g, _, err := findGroup(c, r, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime := val(in.OrderBy) == "LastEventTime"
	if byTime && val(in.LogStreamNamePrefix) != "" {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	if byTime {
		return streamsByTime(r, g, in)
	}
	return streamsByName(r, g, in)
}

func streamsByName(r store.Reader, g groupID, in *api.DescribeLogStreamsRequest) (*api.DescribeLogStreamsResponse, error) {
	out := &api.DescribeLogStreamsResponse{LogStreams: []*api.LogStream{}}
	rows := streams.Scan
	if val(in.Descending) {
		rows = streams.ScanBack
	}
	next, err := page(rows, r, g.key(), in.NextToken, or(in.Limit, 50), func(item store.Item[stream]) bool {
		if !strings.HasPrefix(item.Value.Name, val(in.LogStreamNamePrefix)) {
			return false
		}
		out.LogStreams = append(out.LogStreams, item.Value.describe(g))
		return true
	})
	out.NextToken = next
	return out, err
}

// streamsByTime sorts a group's streams by their last event. The token is the
// place of the last stream given; one that moved meanwhile may be seen twice or
// not.
func streamsByTime(r store.Reader, g groupID, in *api.DescribeLogStreamsRequest) (*api.DescribeLogStreamsResponse, error) {
	var all []*stream
	for item, err := range streams.Scan(r, g.key(), nil) {
		if err != nil {
			return nil, err
		}
		all = append(all, item.Value)
	}
	order := byLast
	if val(in.Descending) {
		order = func(a, b *stream) int { return byLast(b, a) }
	}
	slices.SortFunc(all, order)
	from, err := afterToken(all, in.NextToken, order)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLogStreamsResponse{LogStreams: []*api.LogStream{}}
	limit := int(or(in.Limit, 50))
	for i := from; i < len(all); i++ {
		if len(out.LogStreams) == limit {
			out.NextToken = timeToken(all[i-1])
			break
		}
		out.LogStreams = append(out.LogStreams, all[i].describe(g))
	}
	return out, nil
}

// byLast compares streams by the time of their last event, then by name.
func byLast(a, b *stream) int {
	return cmp.Or(cmp.Compare(a.Last, b.Last), strings.Compare(a.Name, b.Name))
}

func (st *stream) describe(g groupID) *api.LogStream {
	out := &api.LogStream{
		LogStreamName: ptr(st.Name), CreationTime: ptr(st.Created), Arn: ptr(g.streamARN(st.Name)),
		StoredBytes: ptr(int64(0)), UploadSequenceToken: ptr(sequenceToken),
	}
	if st.Batches > 0 {
		out.FirstEventTimestamp, out.LastEventTimestamp, out.LastIngestionTime = ptr(st.First), ptr(st.Last), ptr(st.LastIngested)
	}
	return out
}
