package door

import (
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
)

// maxBody bounds a request's body: Lambda takes code of 50 MB in one call,
// which base64 makes a third larger.
const maxBody = 70 << 20

// ServeHTTP takes a request from the wire through authentication,
// authorisation and its handler, and answers in the protocol of the service
// that the request means.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := d.wireCall(r)
	match, out, err := d.answer(c, r)
	if err != nil {
		d.refuse(w, r, c, match, err)
		return
	}
	if err := match.Encode(w, c.RequestID, out); err != nil {
		slog.Debug("the answer could not be sent", "requestID", c.RequestID, "error", err)
	}
}

func (d *Door) wireCall(r *http.Request) *Call {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return &Call{
		Context:   r.Context(),
		Principal: anonymous,
		Region:    d.region,
		RequestID: uuid.NewString(),
		Time:      d.now(),
		Header:    r.Header,
		SourceIP:  host,
		UserAgent: r.UserAgent(),
		Secure:    r.TLS != nil || isWithinPlatform(r.Context()),
		door:      d,
	}
}

// answer runs the request. The match tells the protocol of the answer, also of
// a refusal; it is nil when nothing could be recognised.
func (d *Door) answer(c *Call, r *http.Request) (*awsapi.Match, any, error) {
	if err := d.healthy(); err != nil {
		return nil, nil, unavailable(err)
	}
	id, body, err := d.authenticate(c, r)
	if err != nil {
		match, _ := d.router.Recognise(r, id.scope, body)
		return match, nil, d.finish(c, err)
	}
	match, wireErr := d.router.Recognise(r, id.scope, body)
	if wireErr != nil {
		return match, nil, d.finish(c, wireErr)
	}
	c.Operation = match.Operation
	if err := d.admit(c, id); err != nil {
		return match, nil, d.finish(c, err)
	}
	entry, ok := d.entries[c.Operation]
	if !ok {
		return match, nil, d.finish(c, notAvailable(c.Operation))
	}
	in := entry.newIn()
	if wireErr := match.Decode(r, body, in); wireErr != nil {
		return match, nil, d.finish(c, wireErr)
	}
	if wireErr := match.Validate(in); wireErr != nil {
		c.in = in
		return match, nil, d.finish(c, wireErr)
	}
	out, err := d.run(c, in)
	return match, out, err
}

// notAvailable is the answer for an operation of AWS's that this node lacks.
func notAvailable(op *awsapi.Operation) *awsapi.Error {
	return awsapi.Errorf("UnknownOperationException", "The operation %s is not available on this node. docs/aws-divergences.md lists what is.", op)
}

// refuse writes an error in the protocol of the request or, when that is not
// known, as JSON.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, c *Call, match *awsapi.Match, err error) {
	if match == nil {
		match = &awsapi.Match{Protocol: awsapi.RestJSON}
	}
	e := inProtocol(wireError(err), match.Protocol)
	if e.Status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close")
	}
	match.EncodeError(w, c.RequestID, e)
}

// readBody reads a whole body of at most maxBody bytes.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil
	}
	if r.ContentLength > maxBody {
		return nil, tooLarge()
	}
	limited := io.LimitReader(r.Body, maxBody+1)
	body, err := readSized(limited, r.ContentLength)
	if err != nil {
		return nil, badRequest(err)
	}
	if len(body) > maxBody {
		return nil, tooLarge()
	}
	return body, nil
}

// readSized reads r to its end. A declared size is trusted for what costs
// nothing: up to a megabyte is set aside at once.
func readSized(r io.Reader, size int64) ([]byte, error) {
	buf := make([]byte, 0, min(max(size+1, 512), 1<<20))
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func tooLarge() *awsapi.Error {
	e := awsapi.Errorf("RequestEntityTooLargeException", "Request must be smaller than %d bytes for the operation", maxBody)
	e.Status = http.StatusRequestEntityTooLarge
	return e
}

func badRequest(cause error) *awsapi.Error {
	e := awsapi.Errorf("InvalidRequestException", "The request body could not be read to its end.")
	e.Cause = cause
	return e
}
