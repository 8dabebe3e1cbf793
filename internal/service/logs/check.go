package logs

import (
	"errors"
	"fmt"

	"cloister/internal/store"
)

// Check verifies that every stream belongs to a group, that every chunk belongs
// to a stream or to one whose removal is under way, that the events in it are
// in the order of their times, and that streams and groups know the size of
// what they hold.
func (s *Service) Check(r store.Reader) error {
	k := checker{sizes: map[string]int64{}, totals: map[string]int64{}, gone: map[string]bool{}}
	return errors.Join(k.chunks(r), k.streams(r), k.groups(r), errors.Join(k.bad...))
}

type checker struct {
	sizes  map[string]int64 // of chunks, by stream id
	totals map[string]int64 // of streams, by group
	gone   map[string]bool  // streams whose removal is under way
	bad    []error
}

func (k *checker) wrong(format string, args ...any) {
	k.bad = append(k.bad, fmt.Errorf(format, args...))
}

func (k *checker) chunks(r store.Reader) error {
	for item, err := range removed.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		k.gone[item.Value.StreamID] = true
	}
	for item, err := range chunks.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		k.chunk(item)
		k.sizes[item.Key[0].(string)] += item.Value.bytes()
	}
	return nil
}

func (k *checker) chunk(item store.Item[chunk]) {
	c := item.Value
	if c.DataKey != "" {
		if len(c.Events) > 0 || len(c.Sealed) == 0 || c.Size <= 0 || c.Last < item.Key[1].(int64) {
			k.wrong("sealed chunk %v is not as it was put", item.Key)
		}
		return
	}
	n := len(c.Events)
	if n == 0 || c.Events[0].Time != item.Key[1] || c.Events[n-1].Time != c.Last || c.Last-c.Events[0].Time > chunkSpan {
		k.wrong("chunk %v does not hold what its key says", item.Key)
	}
	for i := 1; i < n; i++ {
		if c.Events[i].Time < c.Events[i-1].Time {
			k.wrong("chunk %v is out of order at %d", item.Key, i)
		}
	}
}

func (k *checker) streams(r store.Reader) error {
	for item, err := range streams.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		st := item.Value
		if _, err := groups.Get(r, item.Key[:3]); err != nil {
			k.wrong("stream %v: its group: %w", item.Key, err)
		}
		if k.sizes[st.ID] != st.Bytes || k.gone[st.ID] {
			k.wrong("stream %v says that it holds %d bytes and holds %d", item.Key, st.Bytes, k.sizes[st.ID])
		}
		delete(k.sizes, st.ID)
		k.totals[fmt.Sprint(item.Key[:3])] += st.Bytes
	}
	for id := range k.sizes {
		if !k.gone[id] {
			k.wrong("the chunks of %s belong to no stream", id)
		}
	}
	return nil
}

func (k *checker) groups(r store.Reader) error {
	for item, err := range groups.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		if total := k.totals[fmt.Sprint(item.Key)]; total != item.Value.Bytes {
			k.wrong("group %v says that it holds %d bytes and holds %d", item.Key, item.Value.Bytes, total)
		}
	}
	return nil
}
