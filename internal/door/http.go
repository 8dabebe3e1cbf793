package door

import (
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
)

const (
	// maxBody bounds a request's body: Lambda takes code of 50 MB in one call,
	// which base64 makes a third larger.
	maxBody = 70 << 20
	// maxUnsigned bounds the body of a caller nobody knows.
	maxUnsigned = 1 << 20
)

// ServeHTTP takes a request from the wire through authentication,
// authorisation and its handler, and answers in the protocol of the service
// that the request means.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := d.wireCall(r)
	match, out, err := d.answer(c, r)
	if err != nil {
		refuse(w, c, match, err)
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
// a refusal; it is nil only after a panic.
func (d *Door) answer(c *Call, r *http.Request) (*awsapi.Match, any, error) {
	match, in, err := d.admit(c, r)
	if err != nil {
		return match, nil, d.finish(c, err)
	}
	out, err := d.run(c, in)
	return match, out, err
}

// admit finds out who calls and what for, and reads the input, which is decoded
// only once the caller is known.
func (d *Door) admit(c *Call, r *http.Request) (match *awsapi.Match, in any, err error) {
	defer rescue(c, &err)
	if err := d.healthy(); err != nil {
		match, _ = d.router.Recognise(r, "", nil)
		return match, nil, unavailable(err)
	}
	id, body, err := d.authenticate(c, r)
	match, unknown := d.router.Recognise(r, id.scope, body)
	c.Operation = match.Operation
	if err == nil {
		err = d.entrance(id, match)
	} else {
		c.Principal = claimant(id.keyID)
	}
	if err != nil {
		return match, nil, err
	}
	if id.signed {
		d.directory.Used(id.keyID, id.scope, c.Region, c.Time)
	}
	if unknown != nil {
		return match, nil, unknown
	}
	in, err = d.decode(c, match, r, body)
	return match, in, err
}

// decode reads the input of a registered operation and validates it against the
// model.
func (d *Door) decode(c *Call, match *awsapi.Match, r *http.Request, body []byte) (any, error) {
	e, ok := d.entries[match.Operation]
	if !ok {
		return nil, notAvailable(match.Operation)
	}
	c.readOnly = !e.writes
	in := e.newIn()
	if err := match.Decode(r, body, in); err != nil {
		return nil, err
	}
	c.in = in
	if err := match.Validate(in); err != nil {
		return nil, err
	}
	return in, nil
}

// notAvailable is the answer for an operation of AWS's that this node lacks.
func notAvailable(op *awsapi.Operation) *awsapi.Error {
	return awsapi.Errorf("UnknownOperationException", "The operation %s is not available on this node. docs/aws-divergences.md lists what is.", op)
}

// refuse writes an error in the protocol of the request or, when that is not
// known, as JSON.
func refuse(w http.ResponseWriter, c *Call, match *awsapi.Match, err error) {
	if match == nil {
		match = &awsapi.Match{Protocol: awsapi.RestJSON}
	}
	e := inProtocol(wireError(err), match.Protocol)
	if e.Status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close")
	}
	match.EncodeError(w, c.RequestID, e)
}

// readBody reads a whole body of at most limit bytes.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	body, err := readSized(io.LimitReader(r.Body, limit+1), r.ContentLength)
	if err != nil {
		return nil, badRequest(err)
	}
	if int64(len(body)) > limit {
		return nil, tooLarge()
	}
	return body, nil
}

// readSized reads r to its end. A declared size is trusted for what costs
// nothing: up to a megabyte is set aside at once.
func readSized(r io.Reader, size int64) ([]byte, error) {
	room := int64(512)
	if size >= 0 {
		room = min(size+1, 1<<20)
	}
	buf := make([]byte, 0, room)
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
