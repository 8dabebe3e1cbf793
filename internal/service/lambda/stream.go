package lambda

import (
	"context"
	"encoding/base64"
	"io"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/service/lambda/invoke"
)

// chunkSize is the most that one event of a response stream carries, in bytes.
const chunkSize = 64 << 10

// stream carries one invocation's response from the data plane to the events
// of its answer.
type stream struct {
	reader *io.PipeReader
	writer *io.PipeWriter

	started chan string   // the content type, once the first byte is there
	ended   chan struct{} // closed when result and err are set
	result  *invoke.Result
	err     error
}

func newStream() *stream {
	r, w := io.Pipe()
	return &stream{reader: r, writer: w, started: make(chan string, 1), ended: make(chan struct{})}
}

// run invokes fn and ends the stream. When ctx ends nobody reads any more, and
// the function is not left waiting for a reader.
func (s *stream) run(fleet Fleet, ctx context.Context, fn *invoke.Function, req *invoke.Request) {
	req.Stream = func(contentType string) io.Writer {
		s.started <- contentType
		return s.writer
	}
	defer context.AfterFunc(ctx, func() { _ = s.reader.CloseWithError(io.ErrClosedPipe) })()
	s.result, s.err = fleet.Invoke(ctx, fn, req)
	close(s.ended)
	_ = s.writer.Close()
}

// begun waits until the response begins or the invocation ends, which without
// a byte of response it may, well or badly.
func (s *stream) begun() (contentType string, err error) {
	select {
	case contentType := <-s.started:
		return contentType, nil
	case <-s.ended:
	}
	if s.err != nil {
		return "", s.err
	}
	return s.result.ContentType, nil
}

// events is the awsapi.EventSource of the answer.
func (s *stream) events(_ context.Context, send func(member string, event any) error) error {
	defer func() { _ = s.reader.CloseWithError(io.ErrClosedPipe) }()
	buf := make([]byte, chunkSize)
	for {
		n, err := s.reader.Read(buf)
		if n > 0 {
			if err := send("PayloadChunk", &api.InvokeResponseStreamUpdate{Payload: buf[:n]}); err != nil {
				return err
			}
		}
		if err != nil {
			break
		}
	}
	<-s.ended
	return send("InvokeComplete", s.complete())
}

// complete tells how the invocation ended.
func (s *stream) complete() *api.InvokeWithResponseStreamCompleteEvent {
	out := &api.InvokeWithResponseStreamCompleteEvent{}
	if s.err != nil {
		out.ErrorCode, out.ErrorDetails = ptr("InternalError"), ptr("The invocation was cut short.")
		return out
	}
	if s.result.FunctionError != "" {
		out.ErrorCode, out.ErrorDetails = ptr(s.result.ErrorType), ptr(string(s.result.Payload))
	}
	if s.result.LogTail != nil {
		out.LogResult = ptr(base64.StdEncoding.EncodeToString(s.result.LogTail))
	}
	return out
}

var _ awsapi.EventSource = (*stream)(nil).events
