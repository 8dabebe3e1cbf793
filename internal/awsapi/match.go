package awsapi

import (
	"encoding/json"
	"net/http"
)

// A Match is a recognised request: what it asks for and how it speaks. When
// the operation is unknown, Operation is nil and only EncodeError may be used.
type Match struct {
	Service   *Service
	Operation *Operation
	Protocol  Protocol
	Params    map[string]string // labels of the path, unescaped; nil without any
}

// Decode reads the request into in, a pointer to the operation's input type.
// body is the whole body; nil leaves it to be read from req, as an operation
// with a streaming input must.
func (m *Match) Decode(req *http.Request, body []byte, in any) *Error { panic("not built") }

// Validate checks in against the operation's model; see Validate.
func (m *Match) Validate(in any) *Error { return Validate(m.Operation, in) }

// Encode writes out, a pointer to the operation's output type, as a success.
func (m *Match) Encode(w http.ResponseWriter, requestID string, out any) error { panic("not built") }

// EncodeError writes e in the shape of the request's protocol.
func (m *Match) EncodeError(w http.ResponseWriter, requestID string, e *Error) { panic("not built") }

// A Router recognises requests. Safe for concurrent use.
type Router struct{}

// NewRouter makes a router for the given services.
func NewRouter(services ...*Service) *Router { panic("not built") }

// Recognise tells which operation a request means.
func (r *Router) Recognise(req *http.Request, scopeService string, body []byte) (*Match, *Error) {
	panic("not built")
}

// Validate checks in, a pointer to the operation's input type, against the
// model and collects every violation in AWS's wording.
func Validate(op *Operation, in any) *Error { panic("not built") }

// Redact renders v, which holds shape s, for the audit log.
func Redact(s *Shape, v any) json.RawMessage { panic("not built") }

type plan struct{}

type pattern struct{}
