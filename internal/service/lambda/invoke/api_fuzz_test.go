package invoke

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"cloister/internal/cell"
)

// bytesBox is a cell whose program sends fixed bytes to its Runtime API and
// ends.
type bytesBox struct {
	listener *pipeListener
	done     chan struct{}
}

func (b *bytesBox) Start(context.Context, cell.Spec) (Sandbox, error) { return b, nil }
func (b *bytesBox) Listener(int) net.Listener                         { return b.listener }
func (b *bytesBox) Done() <-chan struct{}                             { return b.done }
func (b *bytesBox) Exit() cell.Exit                                   { return cell.Exit{Code: 1} }
func (b *bytesBox) PeakMemory() int64                                 { return 0 }
func (b *bytesBox) Kill()                                             {}

// FuzzRuntimeAPI: whatever bytes a function sends before or during its
// invocation, its caller is told something that AWS could have told it, once,
// and nothing panics or hangs.
func FuzzRuntimeAPI(f *testing.F) {
	const next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
	const post = "POST /2018-06-01/runtime/invocation/id/response HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
	f.Add([]byte(""), []byte(post+next))
	f.Add([]byte("POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"), []byte(""))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), []byte(post+post+next+next))
	f.Add([]byte(""), []byte("POST /2018-06-01/runtime/invocation/id/error HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nLambda-Runtime-Function-Error-Type: X\r\n\r\n"))
	f.Fuzz(func(t *testing.T, before, during []byte) {
		box := &bytesBox{listener: newPipeListener(), done: make(chan struct{})}
		fleet := newTestFleet(t, nil, func(o *Options) { o.Sandboxes = box })
		defer fleet.shutdown(t)
		go func() {
			defer close(box.done)
			defer box.listener.Close() //nolint:errcheck // a pipe's
			for _, raw := range [][]byte{before, []byte(next), during} {
				c, err := box.listener.dial()
				if err != nil {
					return
				}
				go io.Copy(io.Discard, c) //nolint:errcheck // whatever it is told
				_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
				_, _ = c.Write(raw)
				if string(raw) == next {
					defer c.Close() //nolint:errcheck // a pipe's
				} else {
					_ = c.Close()
				}
			}
		}()
		res, err := fleet.Invoke(t.Context(), fleet.fn, &Request{RequestID: "id", Payload: []byte("1")})
		if err != nil || (res.FunctionError != "" && (res.FunctionError != Unhandled || res.ErrorType == "")) {
			t.Errorf("the caller got %+v, %v", res, err)
		}
	})
}
