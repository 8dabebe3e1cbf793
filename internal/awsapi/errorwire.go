package awsapi

import (
	"net/http"
	"reflect"
	"sort"
	"strings"
)

// commonErrors are the errors that any operation may give, which models do not
// list. AWS names them differently in its older (query, XML) and newer (JSON)
// protocols; either name finds the entry.
var commonErrors = [...]struct {
	query, json string
	status      int // outside awsJson and CBOR, which answer 400 to every fault of the sender
}{
	{"AccessDenied", "AccessDeniedException", 403},
	{"ExpiredToken", "ExpiredTokenException", 403},
	{"GuardrailViolation", "GuardrailViolationException", 400},
	{"IncompleteSignature", "IncompleteSignatureException", 400},
	{"InternalFailure", "InternalFailure", 500},
	{"InvalidAction", "UnknownOperationException", 400},
	{"InvalidClientTokenId", "UnrecognizedClientException", 403},
	{"MalformedInput", "SerializationException", 400},
	{"MissingAuthenticationToken", "MissingAuthenticationTokenException", 403},
	{"RequestEntityTooLarge", "RequestEntityTooLargeException", 413},
	{"RequestTimeTooSkewed", "RequestTimeTooSkewed", 403},
	{"ServiceUnavailable", "ServiceUnavailableException", 503},
	{"SignatureDoesNotMatch", "InvalidSignatureException", 403},
	{"Throttling", "ThrottlingException", 400},
	{"ValidationError", "ValidationException", 400},
}

// named says whether code is the error shape's name or its query code.
func (s *Shape) named(code string) bool {
	return s.Name == code || (s.Error != nil && s.Error.Code != "" && s.Error.Code == code)
}

// errorShape finds the model's entry for a code: the operation's, then any of
// the service's.
func (m *Match) errorShape(code string) *Shape {
	if m.Operation != nil {
		for _, s := range m.Operation.Errors {
			if s.named(code) {
				return s
			}
		}
	}
	if m.Service != nil {
		for _, s := range m.Service.Errors {
			if s.named(code) {
				return s
			}
		}
	}
	return nil
}

// wireError is an *Error as this protocol words it.
type wireError struct {
	*Error
	shape  *Shape // nil where the model does not know it
	code   string
	status int
}

func (m *Match) wireError(e *Error) wireError {
	w := wireError{Error: e, shape: m.errorShape(e.Code), code: e.Code, status: e.Status}
	if w.shape != nil {
		w.fromModel(m.Protocol)
	} else {
		w.fromCommon(m.Protocol)
	}
	if w.status < 400 || w.status > 599 {
		w.status = http.StatusBadRequest
	}
	return w
}

func (w *wireError) fromModel(p Protocol) {
	info := w.shape.Error
	w.code = w.shape.Name
	if p.namesByCode() && info.Code != "" {
		w.code = info.Code
	}
	if w.status != 0 {
		return
	}
	w.status = info.Status
	if w.status == 0 && info.Fault {
		w.status = http.StatusInternalServerError
	}
}

func (w *wireError) fromCommon(p Protocol) {
	for _, c := range commonErrors {
		if w.code != c.query && w.code != c.json {
			continue
		}
		w.code, w.status = c.json, c.status
		if p.namesByCode() {
			w.code = c.query
		}
		if p.rpc() && w.status < 500 && w.status != http.StatusRequestEntityTooLarge {
			w.status = http.StatusBadRequest
		}
		if c.query == "InvalidAction" && (p == RestJSON || p == RestXML) {
			w.status = http.StatusNotFound
		}
		return
	}
}

// namesByCode protocols use the older names of errors.
func (p Protocol) namesByCode() bool { return p == Query || p == EC2Query || p == RestXML }

// rpc protocols carry every error with status 400.
func (p Protocol) rpc() bool { return p == JSON10 || p == JSON11 || p == CBOR }

func (w *wireError) sender() bool { return w.status < 500 }

// StatusOf is the HTTP status that EncodeError gives e.
func (m *Match) StatusOf(e *Error) int { return m.wireError(e).status }

// CodeOf is the code that EncodeError gives e: each protocol has its own names
// for the common errors.
func (m *Match) CodeOf(e *Error) string { return m.wireError(e).code }

// EncodeError writes e in the shape of the request's protocol.
func (m *Match) EncodeError(w http.ResponseWriter, requestID string, e *Error) {
	we := m.wireError(e)
	m.requestID(w, requestID)
	m.errorHeaders(w, we)
	var body []byte
	switch m.Protocol {
	case Query, EC2Query, RestXML:
		w.Header().Set("Content-Type", "text/xml")
		body = m.errorXML(we, requestID)
	case CBOR:
		w.Header().Set("Content-Type", "application/cbor")
		body = m.errorCBOR(we)
	default:
		w.Header().Set("Content-Type", m.documentType())
		body = m.appendErrorDocument(nil, we.shape, e)
	}
	send(w, we.status, body)
}

// errorHeaders writes the members that the model puts in headers, and the
// error's name where the protocol has it there.
func (m *Match) errorHeaders(w http.ResponseWriter, e wireError) {
	if m.Protocol == RestJSON {
		w.Header().Set("X-Amzn-Errortype", e.code)
	}
	if m.Service != nil && m.Service.QueryCompatible && m.Protocol.rpc() {
		w.Header().Set("X-Amzn-Query-Error", queryCode(e)+";"+faultOf(e, "Sender", "Receiver"))
	}
	if e.shape == nil {
		return
	}
	for i := range e.shape.Members {
		member := &e.shape.Members[i]
		if v, ok := e.Members[member.Name]; ok && member.Location == InHeader {
			if p, rv, ok := loosePlan(member.Shape, v); ok {
				w.Header().Set(member.wire(), headerText(&field{Member: member, plan: p}, rv))
			}
		}
	}
}

func queryCode(e wireError) string {
	if e.shape != nil && e.shape.Error.Code != "" {
		return e.shape.Error.Code
	}
	return e.code
}

func faultOf(e wireError, sender, receiver string) string {
	if e.sender() {
		return sender
	}
	return receiver
}

// loosePlan opens a member's value as a handler gave it: a scalar or a pointer
// to one, a structure, a list.
func loosePlan(s *Shape, v any) (*plan, reflect.Value, bool) {
	rv := reflect.ValueOf(v)
	if !rv.IsValid() {
		return nil, rv, false
	}
	p, err := compile(s, rv.Type(), map[*Shape]*plan{})
	if err != nil {
		return nil, rv, false
	}
	rv, ok := open(rv)
	return p, rv, ok
}

// errorMember is one body member of an error, ready to encode.
type errorMember struct {
	member *Member
	plan   *plan
	value  reflect.Value
}

// messageName is what the shape calls its message.
func messageName(s *Shape) string {
	if s != nil {
		for i := range s.Members {
			if strings.EqualFold(s.Members[i].Name, "message") {
				return s.Members[i].wire()
			}
		}
	}
	return "message"
}

// errorMembers gives an error's further body members: the model's in its
// order, or all by name where the model does not know the error.
func (m *Match) errorMembers(s *Shape, e *Error) []errorMember {
	if s == nil {
		return looseMembers(e)
	}
	var list []errorMember
	for i := range s.Members {
		member := &s.Members[i]
		v, given := e.Members[member.Name]
		if !given && member.Name == "Type" && member.Shape.Kind == KindString && m.Protocol == RestJSON {
			v, given = lambdaFault(m.wireError(e)), true
		}
		if !given || member.Location != InBody {
			continue
		}
		if p, rv, ok := loosePlan(member.Shape, v); ok {
			list = append(list, errorMember{member, p, rv})
		}
	}
	return list
}

// lambdaFault is the value of the member Type, by which restJson services say
// whose fault an error is.
func lambdaFault(e wireError) string { return faultOf(e, "User", "Service") }

// looseMembers encodes what the model does not describe: texts, numbers and
// truth values only.
func looseMembers(e *Error) []errorMember {
	var list []errorMember
	for name, v := range e.Members {
		var s *Shape
		switch v.(type) {
		case string:
			s = &looseString
		case int, int32, int64:
			s = &looseLong
		case float64:
			s = &looseDouble
		case bool:
			s = &looseBoolean
		default:
			continue
		}
		list = append(list, errorMember{&Member{Name: name, Shape: s}, &plan{shape: s}, reflect.ValueOf(v)})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].member.Name < list[j].member.Name })
	return list
}

var (
	looseString  = Shape{Name: "String", Kind: KindString}
	looseLong    = Shape{Name: "Long", Kind: KindLong}
	looseDouble  = Shape{Name: "Double", Kind: KindDouble}
	looseBoolean = Shape{Name: "Boolean", Kind: KindBoolean}
)

// appendErrorDocument writes an error's JSON (or CBOR) body.
func (m *Match) appendErrorDocument(b []byte, s *Shape, e *Error) []byte {
	w := m.wireError(e)
	if m.Protocol == CBOR {
		return m.errorCBOR(w)
	}
	b = append(b, '{')
	if m.Protocol != RestJSON {
		b = append(appendJSONString(append(b, `"__type":`...), w.code), ',')
	}
	b = append(appendJSONString(b, messageName(s)), ':')
	b = appendJSONString(b, e.Message)
	for _, em := range m.errorMembers(s, e) {
		b = append(appendJSONString(append(b, ','), em.member.wire()), ':')
		b = appendJSON(b, em.plan, em.member, em.value)
	}
	return append(b, '}')
}

func (m *Match) errorCBOR(w wireError) []byte {
	b := []byte{cborMap | cborIndefinite}
	b = appendCBORText(appendCBORText(b, "__type"), w.code)
	b = appendCBORText(appendCBORText(b, messageName(w.shape)), w.Message)
	for _, em := range m.errorMembers(w.shape, w.Error) {
		b = appendCBOR(appendCBORText(b, em.member.wire()), em.plan, em.value)
	}
	return append(b, cborBreak)
}

func (m *Match) errorXML(w wireError, requestID string) []byte {
	x := xmlWriter{}
	switch {
	case m.Protocol == EC2Query:
		x.b = append(x.b, xmlHeader...)
		x.open("Response")
		x.open("Errors")
		m.errorElement(&x, w, false)
		x.close("Errors")
		x.leaf("RequestID", requestID)
		x.close("Response")
	case m.Protocol == RestXML && m.Service != nil && m.Service.BareErrors:
		x.b = append(x.b, xmlHeader...)
		x.open("Error")
		m.errorFields(&x, w)
		x.leaf("RequestId", requestID)
		x.close("Error")
	default:
		x.start("ErrorResponse", m.namespace(), nil, reflect.Value{})
		m.errorElement(&x, w, true)
		x.leaf("RequestId", requestID)
		x.close("ErrorResponse")
	}
	return x.b
}

func (m *Match) errorElement(x *xmlWriter, w wireError, withType bool) {
	x.open("Error")
	if withType {
		x.leaf("Type", faultOf(w, "Sender", "Receiver"))
	}
	m.errorFields(x, w)
	x.close("Error")
}

func (m *Match) errorFields(x *xmlWriter, w wireError) {
	x.leaf("Code", w.code)
	x.leaf("Message", w.Message)
	for _, em := range m.errorMembers(w.shape, w.Error) {
		x.member(em.plan, em.member, em.member.wire(), em.value)
	}
}

func (m *Match) namespace() *XMLNamespace {
	if m.Service == nil || m.Service.XMLNamespace == "" {
		return nil
	}
	return &XMLNamespace{URI: m.Service.XMLNamespace}
}
