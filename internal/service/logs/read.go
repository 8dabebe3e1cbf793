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
// overlap; one lasts at most chunkSpan, so none that begins earlier than that
// before the span reaches into it.
func readStream(r store.Reader, keys opener, streamID string, within span, yield func(*stored) bool) error {
	var open events
	after := store.K(streamID, within.from-chunkSpan-1, int64(0))
	for item, err := range chunks.Scan(r, store.K(streamID), after) {
		if err != nil {
			return err
		}
		begins := item.Key[1].(int64)
		if begins >= within.to {
			break
		}
		if !open.drain(func(t int64) bool { return t < begins }, yield) {
			return nil
		}
		if err := open.add(item, keys, within); err != nil {
			return err
		}
	}
	open.drain(always, yield)
	return nil
}

// readBack is readStream from the last event to the first.
func readBack(r store.Reader, keys opener, streamID string, within span, yield func(*stored) bool) error {
	open := events{back: true}
	for item, err := range chunks.ScanBack(r, store.K(streamID), store.K(streamID, within.to, int64(0))) {
		if err != nil {
			return err
		}
		ends := item.Key[1].(int64) + chunkSpan // of this one and all that are still to be read
		if ends < within.from {
			break
		}
		if !open.drain(func(t int64) bool { return t > ends }, yield) {
			return nil
		}
		if err := open.add(item, keys, within); err != nil {
			return err
		}
	}
	open.drain(always, yield)
	return nil
}

// events is a heap of events that have been read and not yet yielded: the one
// that comes first on top, or with back the one that comes last.
type events struct {
	list []*stored
	back bool
}

func (e *events) Len() int { return len(e.list) }
func (e *events) Less(i, j int) bool {
	if e.back {
		i, j = j, i
	}
	return e.list[i].at.compare(e.list[j].at) < 0
}
func (e *events) Swap(i, j int) { e.list[i], e.list[j] = e.list[j], e.list[i] }
func (e *events) Push(x any)    { e.list = append(e.list, x.(*stored)) }
func (e *events) Pop() any {
	last := e.list[len(e.list)-1]
	e.list = e.list[:len(e.list)-1]
	return last
}

func (e *events) add(item store.Item[chunk], keys opener, within span) error {
	batch := item.Key[2].(int64)
	all, err := keys.events(item.Value)
	if err != nil {
		return err
	}
	for i := range all {
		if t := all[i].Time; t >= within.from && t < within.to {
			heap.Push(e, &stored{all[i], position{t, batch, int64(i)}, item.Value.Ingested})
		}
	}
	return nil
}

func always(int64) bool { return true }

// drain yields events while those on top have a time before which, or behind
// which, nothing that is still to be read can come. It reports whether to go on.
func (e *events) drain(settled func(time int64) bool, yield func(*stored) bool) bool {
	for e.Len() > 0 && settled(e.list[0].Time) {
		if !yield(heap.Pop(e).(*stored)) {
			return false
		}
	}
	return true
}
