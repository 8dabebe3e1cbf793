package logs

import (
	"cloister/internal/store"
)

// Names stay clear in keys: lists are in their order. Events are kept in
// chunks, one row for each batch that was put: a row for each event would cost
// a hundred times the work.
var (
	groups  = store.Define[group]("logs.group", store.Clear(0, 1, 2))
	streams = store.Define[stream]("logs.stream", store.Clear(0, 1, 2, 3))
	// chunks are keyed by the stream's id, the first event's time and the
	// batch's number in its stream.
	chunks = store.Define[chunk]("logs.chunk", store.Clear(0, 1, 2))
	// dataKeys are those of groups that are under a customer's key, by group and
	// the data key's id.
	dataKeys = store.Define[dataKey]("logs.datakey", store.Clear(0, 1, 2))
	// removed are the ids of streams whose chunks are still to be deleted.
	removed = store.Define[removal]("logs.removed")
)

type group struct {
	Name      string
	Created   int64 // milliseconds since 1970, as all times here
	Retention int64 // days; 0: for ever
	Class     string
	Tags      map[string]string
	Protected bool // against deletion
	Bytes     int64
	KMSKey    string // ARN of the customer's key for what is put from now on; "": none
}

type stream struct {
	ID           string // of its chunks; a stream made again under the same name has another
	Name         string
	Created      int64
	Batches      int64 // how many chunks were put
	First, Last  int64 // times of events; 0: none yet
	LastIngested int64
	Bytes        int64
}

// chunk is a batch of events or a part of one, in the order of their times.
type chunk struct {
	Ingested int64
	Last     int64 // time of its last event
	Events   []event
	DataKey  string // of the group, that Sealed is under; "": Events is all
	Sealed   []byte
	Size     int64 // what the sealed events count for
}

// bytes is what the chunk counts for in the size of its stream.
func (c *chunk) bytes() (size int64) {
	if c.DataKey != "" {
		return c.Size
	}
	for i := range c.Events {
		size += int64(len(c.Events[i].Message) + overhead)
	}
	return size
}

type event struct {
	Time    int64
	Message string
}

type removal struct{ StreamID string }
