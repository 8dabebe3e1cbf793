package lambda

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	httpevent "cloister/internal/gate/event"
	"cloister/internal/service/lambda/invoke"
)

// integrationResponse is the content type of a stream that begins with the status
// and the headers of the answer, as JSON, and eight zero bytes
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming).
const integrationResponse = "application/vnd.awslambda.http-integration-response"

// maxPrelude bounds that beginning, in bytes.
const maxPrelude = 64 << 10

var preludeEnd = make([]byte, 8)

// streamURL invokes for an answer that is sent as it comes.
func (s *Service) streamURL(c *door.Call, x *urlExchange, fn *invoke.Function, call *invoke.Request) (*platform.InvokeFunctionURLResponse, error) {
	stream := newStream()
	go stream.run(s.fleet, c, fn, call)
	contentType, err := stream.begun()
	if err != nil {
		return nil, invokeError(err)
	}
	select {
	case <-stream.ended:
		if stream.result.FunctionError != "" && !stream.result.Streamed {
			return nil, functionFailed(stream.result)
		}
	default:
	}
	head, body, err := stream.head(contentType)
	if err != nil {
		_ = stream.reader.CloseWithError(io.ErrClosedPipe)
		return nil, badGateway(err)
	}
	return answered(func(w http.ResponseWriter) {
		defer func() { _ = stream.reader.CloseWithError(io.ErrClosedPipe) }()
		x.allowOrigins(head.Header)
		head.Begin(w)
		if x.r.Method != http.MethodHead {
			stream.copy(w, body)
		}
	})
}

// head reads the status and headers of the answer.
func (s *stream) head(contentType string) (*httpevent.Answer, io.Reader, error) {
	if contentType != integrationResponse {
		if contentType == "" {
			contentType = "application/octet-stream"
		}
		a, err := httpevent.AnswerV2([]byte(`{"statusCode":200}`))
		if err == nil {
			err = a.Set("Content-Type", contentType)
		}
		return a, s.reader, err
	}
	r := bufio.NewReaderSize(s.reader, maxPrelude)
	prelude, err := readPrelude(r)
	if err != nil {
		return nil, nil, err
	}
	a, err := httpevent.AnswerV2(prelude)
	return a, r, err
}

var errPrelude = errors.New("the stream does not begin with the status and headers of an answer")

// readPrelude takes the JSON document before the zero bytes, and these.
func readPrelude(r *bufio.Reader) ([]byte, error) {
	var text []byte
	for len(text) < maxPrelude {
		b, err := r.ReadByte()
		if err != nil {
			return nil, errPrelude
		}
		if text = append(text, b); bytes.HasSuffix(text, preludeEnd) {
			text = text[:len(text)-len(preludeEnd)]
			var members map[string]json.RawMessage
			if json.Unmarshal(text, &members) != nil || members == nil { // null is no object
				return nil, errPrelude
			}
			if members["statusCode"] == nil { // it may say headers only
				members["statusCode"] = json.RawMessage("200")
				text, _ = json.Marshal(members)
			}
			return text, nil
		}
	}
	return nil, errPrelude
}

// copy sends the body as it comes. A function that fails in the middle cuts the
// connection off: the client must not take what it has for the whole.
func (s *stream) copy(w http.ResponseWriter, body io.Reader) {
	flusher := http.NewResponseController(w)
	buf := make([]byte, chunkSize)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
			_ = flusher.Flush()
		}
		if err != nil {
			break
		}
	}
	<-s.ended
	if s.err != nil || s.result.FunctionError != "" {
		panic(http.ErrAbortHandler)
	}
}
