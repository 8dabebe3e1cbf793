package awsapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
)

// A Match is a recognised request: what it asks for and how it speaks. When
// the operation is unknown, Operation is nil and only EncodeError may be used.
// A Match belongs to one request and is not safe for concurrent use.
type Match struct {
	Service   *Service // nil when not even the service is known
	Operation *Operation
	Protocol  Protocol
	Params    map[string]string // labels of the path, unescaped; nil without any

	form url.Values      // of the query protocols, parsed once
	ctx  context.Context // the request's, for event sources
}

func (m *Match) context() context.Context {
	if m.ctx == nil {
		return context.Background()
	}
	return m.ctx
}

// StreamsInput says whether Decode should leave the body unread (body nil), for
// the handler to read as it comes.
func (m *Match) StreamsInput() bool { return streams(m.Operation.Input) }

func streams(s *Shape) bool {
	if s == nil || s.Payload == "" {
		return false
	}
	for i := range s.Members {
		if s.Members[i].Name == s.Payload {
			return s.Members[i].Is(Streaming)
		}
	}
	return false
}

// Decode reads the request into in, a pointer to the operation's input type.
// body is the whole body; nil leaves it to be read from req by the handler,
// which only an operation that StreamsInput allows.
func (m *Match) Decode(req *http.Request, body []byte, in any) *Error {
	m.ctx = req.Context()
	if m.Operation.Input == nil {
		return nil
	}
	p, v, err := structPlan(m.Operation.Input, in)
	if err == nil && body == nil && req.ContentLength != 0 && !m.StreamsInput() {
		err = errors.New("the body was not read")
	}
	if err == nil {
		err = m.decode(req, body, p, v)
	}
	if err != nil {
		return &Error{Code: "SerializationException", Message: err.Error()}
	}
	return nil
}

func (m *Match) decode(req *http.Request, body []byte, p *plan, v reflect.Value) error {
	switch m.Protocol {
	case JSON10, JSON11:
		return decodeJSON(body, p, v)
	case CBOR:
		return decodeCBOR(body, p, v)
	case Query, EC2Query:
		return decodeForm(m.form, m.Protocol == EC2Query, p, v)
	}
	r := restReader{match: m, req: req, body: body}
	return r.decode(p, v)
}

// Validate checks in against the operation's model; see Validate.
func (m *Match) Validate(in any) *Error { return Validate(m.Operation, in) }

// Encode writes out, a pointer to the operation's output type, as a success.
// The error is of the handler's stream or of the connection, for the log: the
// answer has begun. A nil out is an empty answer.
func (m *Match) Encode(w http.ResponseWriter, requestID string, out any) error {
	m.requestID(w, requestID)
	p, v, err := m.output(out)
	if err != nil {
		return err
	}
	status := m.Operation.StatusCode
	if status == 0 {
		status = http.StatusOK
	}
	switch m.Protocol {
	case Query, EC2Query:
		m.encodeQuery(w, requestID, p, v)
		return nil
	case RestJSON, RestXML:
		r := restWriter{match: m, w: w, status: status}
		if p == nil {
			r.send(nil)
			return nil
		}
		return r.encode(p, v)
	}
	return m.encodeRPC(w, p, v)
}

// output opens the answer; without an output shape or value the plan is nil.
func (m *Match) output(out any) (*plan, reflect.Value, error) {
	s := m.Operation.Output
	if s == nil {
		return nil, reflect.Value{}, nil
	}
	if rv := reflect.ValueOf(out); !rv.IsValid() || (rv.Kind() == reflect.Pointer && rv.IsNil()) {
		return nil, rv, nil
	}
	return structPlan(s, out)
}

// encodeRPC answers in awsJson or CBOR: every member in the body, unless one
// is a stream of events.
func (m *Match) encodeRPC(w http.ResponseWriter, p *plan, v reflect.Value) error {
	if p == nil && m.Operation.Output == nil && m.Protocol == CBOR {
		send(w, http.StatusOK, nil)
		return nil
	}
	w.Header().Set("Content-Type", m.documentType())
	buf := getBuffer()
	defer buf.release()
	if p == nil {
		if m.Operation.Output != nil {
			buf.b = m.appendEmpty(buf.b)
		}
		send(w, http.StatusOK, buf.b)
		return nil
	}
	f, source := eventMember(p, v)
	if source == nil {
		buf.b = m.appendDocument(buf.b, p, v)
		send(w, http.StatusOK, buf.b)
		return nil
	}
	v.Field(f.index).SetZero()
	buf.b = m.appendDocument(buf.b, p, v)
	return m.stream(w, http.StatusOK, f, source, buf.b)
}

// eventMember finds a structure's stream of events.
func eventMember(p *plan, v reflect.Value) (*field, EventSource) {
	for i := range p.fields {
		f := &p.fields[i]
		if f.plan.typ == eventSourceType {
			source, _ := v.Field(f.index).Interface().(EventSource)
			return f, source
		}
	}
	return nil, nil
}

// appendDocument writes a structure's body members as the protocol's document.
func (m *Match) appendDocument(b []byte, p *plan, v reflect.Value) []byte {
	switch m.Protocol {
	case CBOR:
		return appendCBOR(b, p, v)
	case RestXML:
		x := xmlWriter{b}
		x.start(p.shape.Name, p.shape.XML, p, v)
		x.members(p, v)
		x.close(p.shape.Name)
		return x.b
	}
	return appendJSONStruct(b, p, v, nil)
}

func (m *Match) appendEmpty(b []byte) []byte {
	if m.Protocol == CBOR {
		return append(b, cborMap)
	}
	return append(b, "{}"...)
}

// documentType is the media type of the protocol's documents.
func (m *Match) documentType() string {
	switch m.Protocol {
	case JSON10:
		return "application/x-amz-json-1.0"
	case JSON11:
		return "application/x-amz-json-1.1"
	case CBOR:
		return "application/cbor"
	case RestXML:
		return "application/xml"
	case Query, EC2Query:
		return "text/xml"
	}
	return "application/json"
}

// requestID writes the headers that every answer of the protocol has.
func (m *Match) requestID(w http.ResponseWriter, id string) {
	if m.Protocol == RestXML && m.Service != nil && m.Service.BareErrors {
		w.Header().Set("X-Amz-Request-Id", id)
	} else {
		w.Header().Set("X-Amzn-Requestid", id)
	}
	if m.Protocol == CBOR {
		w.Header().Set("Smithy-Protocol", CBOR.String())
	}
}

// encodeQuery answers in XML: the members inside the result's wrapper, the
// request's id beside it.
func (m *Match) encodeQuery(w http.ResponseWriter, requestID string, p *plan, v reflect.Value) {
	w.Header().Set("Content-Type", m.documentType())
	buf := getBuffer()
	defer buf.release()
	x := xmlWriter{buf.b}
	root, wrapper := m.Operation.Name+"Response", m.Operation.ResultWrapper
	x.start(root, m.namespace(), nil, v)
	if m.Protocol == EC2Query {
		wrapper = ""
		x.leaf("requestId", requestID)
	}
	if wrapper != "" {
		x.open(wrapper)
	}
	if p != nil {
		x.members(p, v)
	}
	if wrapper != "" {
		x.close(wrapper)
	}
	if m.Protocol == Query {
		x.open("ResponseMetadata")
		x.leaf("RequestId", requestID)
		x.close("ResponseMetadata")
	}
	x.close(root)
	buf.b = x.b
	send(w, http.StatusOK, buf.b)
}
