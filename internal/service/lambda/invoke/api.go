package invoke

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

// The paths of the Runtime API
// (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
const (
	pathNext       = "/2018-06-01/runtime/invocation/next"
	pathInitError  = "/2018-06-01/runtime/init/error"
	pathInvocation = "/2018-06-01/runtime/invocation/"
)

// maxConns is how many connections a function may hold to its Runtime API: a
// runtime needs one or two.
const maxConns = 16

// apiConn is one connection of a function to its Runtime API. The goroutine
// that reads it also answers, except for the answer to "next", which the one
// who brings the next invocation writes.
type apiConn struct {
	net.Conn
	r *bufio.Reader
}

var wireReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, wireBuffer) }}

// serveAPI accepts a cell's connections until its listener is closed.
func (in *instance) serveAPI(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		conn := &apiConn{Conn: c}
		if !in.addConn(conn) {
			_ = c.Close()
			continue
		}
		go in.serveConn(conn)
	}
}

func (in *instance) serveConn(c *apiConn) {
	defer in.dropConn(c)
	c.r = wireReaders.Get().(*bufio.Reader)
	c.r.Reset(c.Conn)
	defer func() {
		c.r.Reset(nil)
		wireReaders.Put(c.r)
	}()
	for {
		req, err := readRequest(c.r)
		if err != nil {
			refuse(c, err)
			return
		}
		if !in.unparked(c) {
			return // a request while the answer to "next" is outstanding
		}
		if err := in.exchange(c, req); err != nil {
			refuse(c, err)
			return
		}
		if req.close {
			return
		}
	}
}

// refuse tells a client that speaks HTTP what was wrong with it. The
// connection is closed by the caller.
func refuse(c *apiConn, err error) {
	if w := (*wireError)(nil); errors.As(err, &w) {
		_ = reply{status: w.status, text: w.reason, body: errorBody("InvalidRequest", w.reason), close: true}.write(c)
	}
}

// exchange answers one request. An error ends the connection.
func (in *instance) exchange(c *apiConn, req *wireRequest) error {
	switch {
	case req.path == pathNext && req.method == "GET":
		return in.next(c)
	case req.path == pathInitError && req.method == "POST":
		return in.withBody(c, req, in.postInitError)
	case strings.HasPrefix(req.path, pathInvocation) && req.method == "POST":
		return in.withBody(c, req, in.postInvocation)
	}
	return in.withBody(c, req, func(*wireRequest, *wireBody) (reply, error) { return notFound, nil })
}

// withBody runs a handler, reads what it left of the body, and answers.
func (in *instance) withBody(c *apiConn, req *wireRequest, handle func(*wireRequest, *wireBody) (reply, error)) error {
	if req.expect {
		if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return err
		}
	}
	body := newWireBody(c.r, req.length)
	answer, err := handle(req, body)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(body, MaxResponse)); err != nil {
		return err
	}
	req.close = req.close || body.err != io.EOF //nolint:errorlint // our own reader's state
	answer.close = req.close
	return answer.write(c)
}

// postInvocation takes /{id}/response and /{id}/error. Only who claimed the
// invocation has a body that is kept, so that a cell has one at a time.
func (in *instance) postInvocation(req *wireRequest, body *wireBody) (reply, error) {
	id, what, _ := strings.Cut(req.path[len(pathInvocation):], "/")
	if what != "response" && what != "error" {
		return notFound, nil
	}
	inv, refusal := in.claim(id)
	if inv == nil {
		return *refusal, nil
	}
	body.keep = true
	if what == "error" {
		return in.postError(inv, req, body)
	}
	return in.postResponse(inv, req, body)
}

func (in *instance) postError(inv *invocation, req *wireRequest, body *wireBody) (reply, error) {
	data, over, err := body.readLimited(MaxError)
	switch {
	case over:
		in.answer(inv, errorTooLarge(req.errorType))
		return errorRefused, err
	case err != nil:
		in.answer(inv, truncated())
		return reply{}, err
	}
	in.answer(inv, &Result{Payload: data, ContentType: req.contentType, FunctionError: Unhandled, ErrorType: errorTypeOf(req.errorType, data)})
	return accepted, nil
}

func (in *instance) postResponse(inv *invocation, req *wireRequest, body *wireBody) (reply, error) {
	switch req.responseMode {
	case "", "streaming":
	default:
		in.answer(inv, failure("Runtime.InvalidResponseModeHeader", ""))
		return invalidMode, nil
	}
	if inv.req.Stream != nil {
		return in.streamResponse(inv, req, body)
	}
	data, over, err := body.readLimited(MaxResponse)
	switch {
	case err != nil:
		in.answer(inv, truncated())
		return reply{}, err
	case over:
		in.answer(inv, responseTooLarge())
		return payloadTooLarge, nil
	case body.errorType != "":
		in.answer(inv, trailerFailure(body))
	default:
		in.answer(inv, &Result{Payload: data, ContentType: req.contentType})
	}
	return accepted, nil
}

// streamResponse passes the body on as it comes.
func (in *instance) streamResponse(inv *invocation, req *wireRequest, body *wireBody) (reply, error) {
	n, err := io.CopyBuffer(inv.streamTo(req.contentType), io.LimitReader(body, MaxStreamedResponse+1), make([]byte, 16<<10))
	res := &Result{ContentType: req.contentType, Streamed: true}
	answer := accepted
	switch {
	case err != nil:
		res = truncated()
	case n > MaxStreamedResponse:
		res, answer = responseTooLarge(), payloadTooLarge
	case body.errorType != "":
		res = trailerFailure(body)
	}
	res.Streamed = true
	in.answer(inv, res)
	return answer, err
}

// trailerFailure is what a runtime reports in the trailers of an answer that
// it had already begun.
func trailerFailure(b *wireBody) *Result {
	doc, err := base64.StdEncoding.DecodeString(b.errorBody)
	if err != nil {
		doc = errorBody(b.errorType, "")
	}
	return &Result{Payload: doc, ContentType: "application/json", FunctionError: Unhandled, ErrorType: b.errorType}
}

func (in *instance) postInitError(req *wireRequest, body *wireBody) (reply, error) {
	if !in.claimInit() {
		return forbidden("InitError"), nil
	}
	body.keep = true
	data, over, err := body.readLimited(MaxError)
	res, answer := &Result{Payload: data, ContentType: "application/json", FunctionError: Unhandled, ErrorType: errorTypeOf(req.errorType, data)}, accepted
	switch {
	case over:
		res, answer = errorTooLarge(req.errorType), errorRefused
	case err != nil:
		in.unclaimInit()
		return reply{}, err
	}
	if !in.reportInit(res) {
		answer = forbidden("InitError")
	}
	return answer, err
}

// reply is one answer of the Runtime API but that to "next".
type reply struct {
	status int
	text   string
	body   []byte
	close  bool
}

var (
	accepted        = reply{status: 202, text: "Accepted", body: []byte("{\"status\":\"OK\"}\n")}
	notFound        = reply{status: 404, text: "Not Found", body: errorBody("NotFound", "404 page not found")}
	invalidID       = reply{status: 400, text: "Bad Request", body: errorBody("InvalidRequestID", "Invalid request ID")}
	invalidMode     = reply{status: 400, text: "Bad Request", body: errorBody("InvalidFunctionResponseMode", "Invalid function response mode")}
	payloadTooLarge = tooMuch(MaxResponse)
	errorRefused    = tooMuch(MaxError)
)

func tooMuch(limit int) reply {
	return reply{status: 413, text: "Request Entity Too Large", body: errorBody("RequestEntityTooLarge",
		"Exceeded maximum allowed payload size ("+strconv.Itoa(limit)+" bytes).")}
}

// forbidden refuses what the runtime's state does not allow.
func forbidden(to string) reply {
	return reply{status: 403, text: "Forbidden", body: errorBody("InvalidStateTransition",
		"State transition to "+to+" failed for runtime. Error: State transition is not allowed")}
}

func (a reply) write(w io.Writer) error {
	b := make([]byte, 0, 256)
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(append(b, ' '), a.text...)
	b = append(b, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(a.body)), 10)
	if a.close {
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(append(b, "\r\n\r\n"...), a.body...)
	_, err := w.Write(b)
	return err
}

// writeNext sends an invocation as the answer to "next".
func (c *apiConn) writeNext(inv *invocation) error {
	q := inv.req
	b := make([]byte, 0, 512+len(q.ClientContext)+min(len(q.Payload), 16<<10))
	b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: application/json"...)
	b = appendHeader(b, "Lambda-Runtime-Aws-Request-Id", q.RequestID)
	b = appendHeader(b, "Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	b = appendHeader(b, "Lambda-Runtime-Invoked-Function-Arn", inv.arn())
	b = appendHeader(b, "Lambda-Runtime-Trace-Id", q.TraceID)
	b = appendHeader(b, "Lambda-Runtime-Client-Context", q.ClientContext)
	b = appendHeader(b, "Lambda-Runtime-Cognito-Identity", q.CognitoIdentity)
	b = appendHeader(b, "Content-Length", strconv.Itoa(len(q.Payload)))
	b = append(b, "\r\n\r\n"...)
	if len(q.Payload) <= 16<<10 {
		_, err := c.Write(append(b, q.Payload...))
		return err
	}
	buffers := net.Buffers{b, q.Payload}
	_, err := buffers.WriteTo(c.Conn)
	return err
}

// appendHeader leaves an empty value out, and control characters, which
// callers can put into the client context, out of the value.
func appendHeader(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, "\r\n"...), name...), ": "...)
	for i := range len(value) {
		if c := value[i]; c >= ' ' && c != 0x7f {
			b = append(b, c)
		}
	}
	return b
}
