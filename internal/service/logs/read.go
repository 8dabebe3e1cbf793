package logs

import (
	"cmp"
	"container/heap"
	"encoding/base64"
	"encoding/binary"

	"cloister/internal/store"
)

// position is an event's place in its stream: events are in the order of their
// time, then of their batch, then of their place in it.
type position struct {
	Time, Batch int64
	Index       int64
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.Time, q.Time), cmp.Compare(p.Batch, q.Batch), cmp.Compare(p.Index, q.Index))
}

const positionSize = 24

// encode is the position as part of a token.
func (p position) encode() string {
	var b [positionSize]byte
	binary.BigEndian.PutUint64(b[0:], uint64(p.Time))
	binary.BigEndian.PutUint64(b[8:], uint64(p.Batch))
	binary.BigEndian.PutUint64(b[16:], uint64(p.Index))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func decodePosition(text string) (position, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != positionSize {
		return position{}, badToken()
	}
	return position{
		int64(binary.BigEndian.Uint64(b[0:])), int64(binary.BigEndian.Uint64(b[8:])), int64(binary.BigEndian.Uint64(b[16:])),
	}, nil
}

// stored is an event with its place.
type stored struct {
	event
	at       position
	ingested int64
}

// span is a range of time, from the first inclusive to the last exclusive.
type span struct{ from, to int64 }

// readStream yields the events of a stream within a span, in their order, until
// yield returns false. Chunks are in the order of their first events and may
// overlap; one spans at most maxSpan, so none that begins earlier than that
// before the span reaches into it.
func readStream(r store.Reader, streamID string, within span, yield func(*stored) bool) error {
	var open events
	after := store.K(streamID, within.from-maxSpan.Milliseconds()-1, int64(0))
	for item, err := range chunks.Scan(r, store.K(streamID), after) {
		if err != nil {
			return err
		}
		begins := item.Key[1].(int64)
		if begins >= within.to {
			break
		}
		if !open.drain(begins, yield) {
			return nil
		}
		open.add(item.Value, item.Key[2].(int64), within)
	}
	open.drain(within.to, yield)
	return nil
}

// events is a heap of events that have been read and not yet yielded.
type events []*stored

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.compare(e[j].at) < 0 }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(*stored)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

func (e *events) add(c *chunk, batch int64, within span) {
	for i := range c.Events {
		if t := c.Events[i].Time; t >= within.from && t < within.to {
			heap.Push(e, &stored{c.Events[i], position{t, batch, int64(i)}, c.Ingested})
		}
	}
}

// drain yields what is older than before: nothing still to be read can come
// ahead of it. It reports whether to go on.
func (e *events) drain(before int64, yield func(*stored) bool) bool {
	for len(*e) > 0 && (*e)[0].Time < before {
		if !yield(heap.Pop(e).(*stored)) {
			return false
		}
	}
	return true
}
