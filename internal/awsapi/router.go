package awsapi

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

// A Router recognises requests. Safe for concurrent use.
type Router struct {
	services  []*Service
	bySigning map[string][]*Service
	byTarget  map[string]*Service
	paths     map[*Service]*trie
}

// NewRouter makes a router for the given services.
func NewRouter(services ...*Service) *Router {
	r := &Router{services: services, bySigning: map[string][]*Service{}, byTarget: map[string]*Service{}, paths: map[*Service]*trie{}}
	for _, s := range services {
		r.bySigning[s.SigningName] = append(r.bySigning[s.SigningName], s)
		if s.TargetPrefix != "" {
			r.byTarget[s.TargetPrefix] = s
		}
		if s.speaks(RestJSON) || s.speaks(RestXML) {
			t := &trie{}
			for _, op := range s.Operations {
				t.add(op)
			}
			r.paths[s] = t
		}
	}
	return r
}

// Recognise tells which operation a request means. scopeService is the service
// of its credential scope, "" when it is unsigned; body is the whole body, nil
// when it was not read. The Match is never nil: with an error it tells in which
// protocol to say so.
func (r *Router) Recognise(req *http.Request, scopeService string, body []byte) (*Match, *Error) {
	m, err := r.recognise(req, scopeService, body)
	m.ctx = req.Context()
	if err == nil && scopeService != "" && m.Service.SigningName != scopeService {
		return m, Errorf("SignatureDoesNotMatch", "Credential should be scoped to correct service: '%s'.", m.Service.SigningName)
	}
	return m, err
}

func (r *Router) recognise(req *http.Request, scope string, body []byte) (*Match, *Error) {
	candidates := r.candidates(req, scope)
	if req.Header.Get("Smithy-Protocol") == CBOR.String() {
		return r.smithy(req, candidates)
	}
	if target := req.Header.Get("X-Amz-Target"); target != "" {
		if m, err := r.target(req, target); m.Service != nil || !speakREST(candidates) {
			return m, err
		}
	}
	if isForm(req) {
		return r.action(req, candidates, body)
	}
	return r.path(req, candidates)
}

// candidates are the services a request may be for: of its credential scope,
// else of its host's name, else all.
func (r *Router) candidates(req *http.Request, scope string) []*Service {
	if scope != "" {
		return r.bySigning[scope]
	}
	label, _, _ := strings.Cut(req.Host, ".")
	for _, s := range r.services {
		if s.Name == label && strings.Contains(req.Host, ".") {
			return []*Service{s}
		}
	}
	return r.services
}

func speakREST(services []*Service) bool {
	for _, s := range services {
		if s.speaks(RestJSON) || s.speaks(RestXML) {
			return true
		}
	}
	return false
}

// target recognises awsJson by its header X-Amz-Target: Prefix.Operation.
func (r *Router) target(req *http.Request, target string) (*Match, *Error) {
	dot := strings.LastIndexByte(target, '.')
	prefix, name := target[:max(dot, 0)], target[dot+1:]
	s := r.byTarget[prefix]
	m := &Match{Protocol: jsonProtocol(req, s)}
	if s != nil && s.speaks(m.Protocol) {
		m.Service, m.Operation = s, s.Operation(name)
	}
	return m, unknownIf(m.Operation == nil)
}

// jsonProtocol is the version that the request names and the service speaks.
func jsonProtocol(req *http.Request, s *Service) Protocol {
	p := JSON11
	if strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-amz-json-1.0") {
		p = JSON10
	}
	if s != nil && !s.speaks(p) {
		return JSON10 + JSON11 - p
	}
	return p
}

func unknownIf(unknown bool) *Error {
	if unknown {
		return Errorf("UnknownOperationException", "The requested operation is not recognized by this service.")
	}
	return nil
}

// smithy recognises rpc-v2-cbor by its path: /service/NAME/operation/NAME.
func (r *Router) smithy(req *http.Request, candidates []*Service) (*Match, *Error) {
	m := &Match{Protocol: CBOR}
	parts := segments(req.URL.EscapedPath())
	if n := len(parts); n >= 4 && parts[n-4] == "service" && parts[n-2] == "operation" {
		m.Service = r.byTarget[parts[n-3]]
		if m.Service == nil && len(candidates) == 1 {
			m.Service = candidates[0]
		}
		if m.Service != nil && m.Service.speaks(CBOR) {
			m.Operation = m.Service.Operation(parts[n-1])
		}
	}
	return m, unknownIf(m.Operation == nil)
}

// isForm says whether the request may be of the query protocols: a form, or an
// Action in the query string.
func isForm(req *http.Request) bool {
	if req.Method == http.MethodPost && strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return true
	}
	return (req.Method == http.MethodGet || req.Method == http.MethodPost) && req.URL.Path == "/" &&
		strings.Contains("&"+req.URL.RawQuery, "&Action=")
}

// action recognises the query protocols by their parameters Action and Version.
func (r *Router) action(req *http.Request, candidates []*Service, body []byte) (*Match, *Error) {
	m := &Match{Protocol: Query}
	if len(candidates) == 1 {
		m.Service = candidates[0]
		m.Protocol = cmp.Or(queryProtocol(m.Service), Query)
	}
	var err error
	if m.form, err = formOf(req, body); err != nil {
		return m, &Error{Code: "SerializationException", Message: err.Error()}
	}
	action, version := m.form.Get("Action"), m.form.Get("Version")
	for _, s := range candidates {
		p := queryProtocol(s)
		if p == 0 || s.APIVersion != version {
			continue
		}
		m.Service, m.Protocol, m.Operation = s, p, s.Operation(action)
		if m.Operation != nil {
			return m, nil
		}
	}
	return m, unknownAction(action, version)
}

func unknownAction(action, version string) *Error {
	if action == "" {
		return &Error{Code: "MissingAction", Message: "The request is missing an action or a required parameter.", Status: http.StatusBadRequest}
	}
	if version == "" {
		version = "NO_VERSION_SPECIFIED"
	}
	return Errorf("InvalidAction", "Could not find operation %s for version %s", abridge(action, 100), abridge(version, 100))
}

func queryProtocol(s *Service) Protocol {
	switch {
	case s.speaks(Query):
		return Query
	case s.speaks(EC2Query):
		return EC2Query
	}
	return 0
}

// formOf joins the parameters of body and query string; the body's win.
func formOf(req *http.Request, body []byte) (url.Values, error) {
	form, err := parseForm(string(body))
	if err != nil {
		return nil, err
	}
	query, err := parseForm(req.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	for name, values := range query {
		if !form.Has(name) {
			form[name] = values
		}
	}
	return form, nil
}

// path recognises the REST protocols by method and path.
func (r *Router) path(req *http.Request, candidates []*Service) (*Match, *Error) {
	m := &Match{Protocol: RestJSON}
	for _, s := range candidates {
		t := r.paths[s]
		if t == nil {
			continue
		}
		p := restProtocol(s)
		if op, params := t.find(req.Method, req.URL); op != nil {
			return &Match{Service: s, Operation: op, Protocol: p, Params: params}, nil
		}
		if len(candidates) == 1 {
			m.Service, m.Protocol = s, p
		}
	}
	if m.Service == nil && len(candidates) == 1 {
		m.Service, m.Protocol = candidates[0], candidates[0].Protocols[0]
	}
	return m, unknownIf(true)
}

func restProtocol(s *Service) Protocol {
	if s.speaks(RestXML) {
		return RestXML
	}
	return RestJSON
}
