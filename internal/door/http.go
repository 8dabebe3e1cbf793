package door

import (
	"errors"
	"log/slog"
	"net"
	"net/http"

	"github.com/google/uuid"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/sigv4"
)

// ServeHTTP takes a request from the wire through authentication,
// authorisation and its handler, and answers in the protocol of the service
// that the request means.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := d.wireCall(r)
	body := d.newIntake(w, r)
	defer body.release()
	match, out, err := d.answer(c, r, body)
	if err != nil {
		body.limitRest()
		addMessage(w, c, err)
		refuse(w, c, match, err)
		return
	}
	if err := match.Encode(w, c.RequestID, out); err != nil {
		slog.Debug("the answer could not be sent", "requestID", c.RequestID, "error", err)
	}
}

func (d *Door) wireCall(r *http.Request) *Call {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	cell, within := insideOf(r.Context())
	if within {
		host = ""
	}
	return &Call{
		Context:    r.Context(),
		Principal:  anonymous,
		Region:     d.region,
		RequestID:  uuid.NewString(),
		Time:       d.now(),
		Header:     r.Header,
		SourceIP:   host,
		SourceCell: cell.From,
		UserAgent:  r.UserAgent(),
		Secure:     r.TLS != nil || within,
		door:       d,
		confide:    cell.Confide,
	}
}

// answer runs the request. The match tells the protocol of the answer, also of
// a refusal; it is nil only after a panic.
func (d *Door) answer(c *Call, r *http.Request, body *intake) (*awsapi.Match, any, error) {
	match, in, err := d.admit(c, r, body)
	if err != nil {
		return match, nil, d.finish(c, err)
	}
	out, err := d.run(c, in)
	return match, out, err
}

// admit finds out who calls and what for, and reads the input: what can be told
// from the header is told before the body is read, and the body is decoded only
// once the caller is known.
func (d *Door) admit(c *Call, r *http.Request, from *intake) (match *awsapi.Match, in any, err error) {
	defer rescue(c, &err)
	signature, malformed := sigv4.Parse(r)
	match, unknown := d.recognise(c, r, signature, nil)
	if err := d.healthy(); err != nil {
		return match, nil, unavailable(err)
	}
	if malformed != nil {
		return match, nil, unauthenticated(malformed)
	}
	from.limit, from.op = bodyLimit(match), match.Operation
	body, err := d.authenticate(c, signature, match, from)
	if err != nil {
		return match, nil, err
	}
	if isForm(match) {
		match, unknown = d.recognise(c, r, signature, body)
	}
	if err := d.entrance(c, signature, match); err != nil {
		return match, nil, err
	}
	if unknown != nil {
		return match, nil, unknown
	}
	in, err = d.decode(c, match, r, body)
	return match, in, err
}

// recognise finds the operation, of the services that the signature is for. In
// the query protocols only the body tells, which is nil before it is read.
func (d *Door) recognise(c *Call, r *http.Request, s *sigv4.Signature, body []byte) (*awsapi.Match, *awsapi.Error) {
	scope := ""
	if s != nil {
		scope = s.Service
	}
	match, unknown := d.router.Recognise(r, scope, body)
	c.Operation = match.Operation
	return match, unknown
}

// isForm says whether the body has a say in what the request means.
func isForm(m *awsapi.Match) bool {
	return m.Protocol == awsapi.Query || m.Protocol == awsapi.EC2Query
}

// decode reads the input of a registered operation and validates it against the
// model.
func (d *Door) decode(c *Call, match *awsapi.Match, r *http.Request, body []byte) (any, error) {
	e, ok := d.entries[match.Operation]
	if !ok {
		return nil, notAvailable(match.Operation)
	}
	c.readOnly = e.reads
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
	if match.Protocol == awsapi.EC2Query && errors.Is(err, errDenied) {
		e = unauthorizedOperation(e, c.EncodedMessage())
	}
	if e.Status == http.StatusRequestEntityTooLarge || e.Status == http.StatusRequestTimeout {
		w.Header().Set("Connection", "close")
	}
	match.EncodeError(w, c.RequestID, e)
}
