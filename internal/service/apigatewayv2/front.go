package apigatewayv2

import (
	"errors"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/gate"
	"cloister/internal/gate/cors"
	"cloister/internal/gate/event"
)

// exchange is one request on its way through the front. It belongs to one
// goroutine.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	target  gate.Target
	began   time.Time
	problem error // why there is nothing to serve, if so

	api       *served
	stage     *stage
	route     *route
	path      string // decoded, of the stage
	params    map[string]string
	preflight bool
	turn      *turn // of a WebSocket API; nil for requests to HTTP APIs

	header     http.Header // of the request, without what is the connection's or the gate's
	body       []byte
	read       bool
	release    func()
	authorizer *event.Authorizer
	admitted   admitted
	status     int
	size       int
	errorText  string // for the access log
	sourceIP   string
}

// Serve implements gate.Front for the addresses of APIs. It answers for every name.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, t gate.Target) bool {
	if a, err := s.memory.get(r.Context(), t.Name); err == nil && a != nil && a.row.isSocket() {
		s.serveSocket(w, r, t, a)
		return true
	}
	x := &exchange{w: w, r: r, target: t, began: time.Now(), release: func() {}}
	x.problem = s.find(x, t.Name)
	s.serve(x)
	return true
}

// serve takes an exchange through the door and answers it.
func (s *Service) serve(x *exchange) {
	in := &platform.InvokeAPIRequest{APIID: clip(x.target.Name), Method: clip(x.r.Method), Path: clip(x.path), Exchange: x}
	region := ""
	if x.api != nil {
		in.APIID, region = x.api.row.id(), x.api.row.Region
	}
	if x.stage != nil {
		in.Stage = x.stage.name
	}
	if x.route != nil {
		in.RouteKey = x.route.text
	}
	if in.Path == "" {
		in.Path = clip(x.target.Path)
	}
	out, requestID, err := door.Enter(s.door, x.r, platform.OpInvokeAPI, region, in)
	answer := s.answerOf(x, out, err)
	defer func() { x.release() }()
	h := x.w.Header()
	h.Set("Apigw-Requestid", requestID)
	if x.stage != nil && x.stage.cors != nil && !x.preflight {
		x.stage.cors.Apply(answer.Header, x.r)
	}
	answer.Write(x.w, x.r)
	x.status, x.size = answer.Status, len(answer.Body)
	s.logAccess(x, requestID, x.sourceIP)
}

func (s *Service) answerOf(x *exchange, out *platform.InvokeAPIResponse, err error) *event.Answer {
	if err == nil {
		return out.Answer.(*event.Answer)
	}
	status := http.StatusInternalServerError
	var wire *awsapi.Error
	if errors.As(err, &wire) && wire.Status != 0 {
		status = wire.Status
	}
	x.errorText = message(status)
	a := &event.Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"message":"` + x.errorText + `"}`)}
	if status == http.StatusUnauthorized && x.route != nil && x.route.kind == "JWT" {
		a.Header.Set("Www-Authenticate", "Bearer")
	}
	return a
}

// message is AWS's word for a status, and all that a client is told.
func message(status int) string {
	if status == http.StatusGatewayTimeout {
		return "Endpoint request timed out"
	}
	if status == http.StatusBadGateway {
		return "Internal Server Error"
	}
	return http.StatusText(status)
}

func clip(s string) string { return s[:min(len(s), 2048)] }

// Refusals before a policy is asked. What has a cause is a failure of the request,
// and no stranger's attempt to be somebody.
func refusal(status int, cause error) error {
	return &awsapi.Error{Code: strings.ReplaceAll(http.StatusText(status), " ", ""), Message: message(status), Status: status, Cause: cause}
}

var (
	errNotFound = refusal(http.StatusNotFound, errors.New("there is no such API, stage or route"))
	errBadPath  = refusal(http.StatusBadRequest, errors.New("the path is none"))
	errThrottle = refusal(http.StatusTooManyRequests, errors.New("throttled"))
	errUnknown  = refusal(http.StatusUnauthorized, nil)
)

// find finds the API by its id, and what of it a request is for.
func (s *Service) find(x *exchange, id string) error {
	a, err := s.memory.get(x.r.Context(), id)
	if err != nil {
		return err
	}
	if a == nil {
		return errNotFound
	}
	x.api = a
	if val(a.row.API.DisableExecuteApiEndpoint) {
		return errNotFound
	}
	path, segments, ok := readPath(x.target.Path)
	if !ok {
		return errBadPath
	}
	x.path = path
	named := a.stages[segments[0]]
	if named != nil && (named.name != "$default" || x.byPath()) {
		x.stage = named
		segments = rest(segments[1:])
		x.path = "/" + strings.Join(segments, "/")
	} else {
		x.stage = a.stages["$default"]
	}
	return x.choose(segments)
}

// rest is what is left of a path, "/" where that is nothing.
func rest(segments []string) []string {
	if len(segments) == 0 {
		return []string{""}
	}
	return segments
}

// byPath says whether the API was named in the path and not by the host.
func (x *exchange) byPath() bool {
	return x.target.Name != "" && !strings.HasPrefix(x.target.Host, strings.ToLower(x.target.Name)+".execute-api.")
}

// choose finds the route.
func (x *exchange) choose(segments []string) error {
	if x.stage == nil {
		return errNotFound
	}
	if x.stage.cors != nil && cors.IsPreflight(x.r) {
		x.preflight = true
		return nil
	}
	x.route, x.params = match(x.stage.routes, x.r.Method, segments)
	if x.route == nil {
		return errNotFound
	}
	x.header = plain(x.r.Header)
	return nil
}

// plain is a request's header without what belongs to the connection, and without
// what a client says of where it came from.
func plain(h http.Header) http.Header {
	out := make(http.Header, len(h))
	drop := map[string]bool{}
	for _, line := range h["Connection"] {
		for _, name := range strings.Split(line, ",") {
			drop[textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))] = true
		}
	}
	for name, values := range h {
		if event.Hop(name) && name != "Content-Length" || drop[name] || name == "Forwarded" || name == "Expect" || strings.HasPrefix(name, "X-Forwarded-") {
			continue
		}
		out[name] = values
	}
	return out
}

// bucketKey is what is throttled together.
type bucketKey struct{ api, stage, route string }

// allowed takes a token of the route's bucket.
func (s *Service) allowed(x *exchange) bool {
	key, limit := bucketKey{x.api.row.id(), x.stage.name, "preflight"}, x.stage.usual
	if x.route != nil {
		key.route = x.route.text
		if own, ok := x.stage.limits[x.route.text]; ok {
			limit = own
		}
	}
	return s.throttle.Take(key, limit, x.began)
}

// request is what functions are told.
func (s *Service) request(c *door.Call, x *exchange) *event.Request {
	prefix, _, _ := strings.Cut(x.target.Host, ".")
	path := x.target.Path
	if x.byPath() && x.stage.name == "$default" {
		path = strings.TrimPrefix(strings.TrimPrefix(path, "/$default"), "/%24default")
	}
	if path == "" {
		path = "/"
	}
	scheme, port := "https", "443"
	if x.r.TLS == nil {
		scheme, port = "http", "80"
	}
	if i := strings.LastIndexByte(x.r.Host, ':'); i >= 0 && !strings.HasSuffix(x.r.Host, "]") {
		port = x.r.Host[i+1:]
	}
	header := x.header.Clone()
	header.Set("X-Forwarded-For", c.SourceIP)
	header.Set("X-Forwarded-Port", port)
	header.Set("X-Forwarded-Proto", scheme)
	if header.Get("Content-Length") == "" {
		header.Set("Content-Length", itoa(len(x.body)))
	}
	if header.Get("X-Amzn-Trace-Id") == "" {
		header.Set("X-Amzn-Trace-Id", traceID(c))
	}
	return &event.Request{
		Method: x.r.Method, Path: path, Query: x.r.URL.RawQuery, Protocol: x.r.Proto, Header: header, Host: x.r.Host, Body: x.body,
		Account: x.api.row.Account, API: x.api.row.id(), Stage: x.stage.name, DomainName: x.target.Host, DomainPrefix: prefix,
		RouteKey: x.route.text, RequestID: c.RequestID, Time: c.Time, SourceIP: c.SourceIP, PathParameters: x.params, Variables: x.stage.variables,
		Authorizer: x.authorizer,
	}
}
