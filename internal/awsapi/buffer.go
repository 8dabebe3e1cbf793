package awsapi

import (
	"net/http"
	"strconv"
	"sync"
)

// buffer is reused from answer to answer.
type buffer struct{ b []byte }

var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, 4096)} }}

func getBuffer() *buffer { return buffers.Get().(*buffer) }

// release gives the buffer back, unless it grew so large that keeping it would
// waste memory.
func (b *buffer) release() {
	if cap(b.b) <= 1<<18 {
		b.b = b.b[:0]
		buffers.Put(b)
	}
}

// send writes a whole answer. What is written is gone: a client that went away
// is no concern of the codec's.
func send(w http.ResponseWriter, status int, body []byte) {
	if status != http.StatusNoContent && status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = w.Write(body)
	}
}
