package apigateway

import (
	"errors"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/gate"
	"cloister/internal/gate/bucket"
	"cloister/internal/gate/event"
)

// exchange is one request on its way through the front. It belongs to one goroutine.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	target  gate.Target
	base    *api.BasePathMapping // by which it came; nil for none
	began   time.Time
	problem *refused // why there is nothing to serve, if so

	api      *served
	stage    *stage
	resource *resource
	method   *method
	path     string // decoded, of the stage
	params   map[string]string
	header   http.Header // of the request, without what is the connection's or the gate's

	body       []byte
	read       bool
	release    func()
	iam        *event.IAM
	authorizer map[string]any // what functions are told of who calls
	admitted   admitted
	apiKey     *keyRow
	overrides  overrides
}

// A refused is an answer that the gateway itself gives instead of the integration's.
type refused struct {
	kind    string
	message string // "" for the kind's own
	status  int    // 0 for the kind's own
	hidden  bool   // there is nothing to configure it by
	cause   error
}

// Error implements error.
func (f *refused) Error() string { return f.kind }

// wire is the refusal as the door takes it. One that has a cause is a failure of the
// request, and no stranger's attempt to be somebody.
func (f *refused) wire() error {
	t := refusalTypes[f.kind]
	code := t.status
	if f.status != 0 {
		code = f.status
	}
	cause := f.cause
	if cause == nil && f.kind != "UNAUTHORIZED" {
		cause = errors.New(f.kind)
	}
	return &awsapi.Error{Code: t.kind, Message: t.message, Status: code, Cause: cause}
}

// refuse remembers why an exchange is refused, and is the error for the door.
func (x *exchange) refuse(kind string, cause error) error {
	x.problem = &refused{kind: kind, cause: cause}
	return x.problem.wire()
}

func newExchange(w http.ResponseWriter, r *http.Request, t gate.Target) *exchange {
	return &exchange{w: w, r: r, target: t, began: time.Now(), release: func() {}}
}

// Serve implements gate.Front for the addresses of REST APIs.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, t gate.Target) bool {
	known, err := s.memory.get(r.Context(), t.Name)
	if err == nil && known == nil {
		return false
	}
	x := newExchange(w, r, t)
	s.find(x)
	s.serve(x)
	return true
}

// serve takes an exchange through the door and answers it.
func (s *Service) serve(x *exchange) {
	in := &platform.InvokeRESTAPIRequest{RestAPIID: clip(x.target.Name), Method: clip(x.r.Method), Path: clip(x.path), Exchange: x}
	region := ""
	if x.api != nil {
		in.RestAPIID, region = x.api.row.id(), x.api.row.Region
	}
	if x.stage != nil {
		in.Stage = x.stage.name
	}
	if x.resource != nil {
		in.Resource = x.resource.path
	}
	if in.Path == "" {
		in.Path = clip(x.target.Path)
	}
	out, requestID, err := door.Enter(s.door, x.r, platform.OpInvokeRESTAPI, region, in)
	defer x.release()
	h := x.w.Header()
	h.Set("x-amzn-RequestId", requestID)
	h.Set("x-amz-apigw-id", requestID)
	if err == nil {
		out.Answer.(*event.Answer).Write(x.w, x.r)
		return
	}
	f := x.refusalOf(err)
	h.Set("x-amzn-ErrorType", refusalTypes[f.kind].kind)
	s.respond(x, f, requestID).Write(x.w, x.r)
}

// refusalOf is the kind of refusal that an error of the door means.
func (x *exchange) refusalOf(err error) *refused {
	if x.problem != nil {
		return x.problem
	}
	var wire *awsapi.Error
	if !errors.As(err, &wire) {
		return &refused{kind: "DEFAULT_5XX"}
	}
	switch {
	case wire.Status == http.StatusRequestEntityTooLarge:
		return &refused{kind: "REQUEST_TOO_LARGE"}
	case wire.Status == http.StatusServiceUnavailable:
		return &refused{kind: "DEFAULT_5XX", message: "Service Unavailable", status: http.StatusServiceUnavailable}
	case wire.Status >= http.StatusInternalServerError:
		return &refused{kind: "DEFAULT_5XX"}
	case wire.Status == http.StatusRequestTimeout:
		return &refused{kind: "DEFAULT_4XX", message: "Request Timeout", status: http.StatusRequestTimeout}
	case wire.Code == "MissingAuthenticationToken", wire.Code == "MissingAuthenticationTokenException":
		return &refused{kind: "MISSING_AUTHENTICATION_TOKEN"}
	case strings.HasPrefix(wire.Code, "ExpiredToken"):
		return &refused{kind: "EXPIRED_TOKEN"}
	case x.iam == nil && x.method != nil && val(x.method.method.AuthorizationType) == kindIAM && !strings.HasPrefix(wire.Code, "AccessDenied"):
		return &refused{kind: "INVALID_SIGNATURE", message: wire.Message}
	}
	return &refused{kind: "ACCESS_DENIED", message: x.denied()}
}

// denied is AWS's word for who may not: it names nobody's policy.
func (x *exchange) denied() string {
	if x.method == nil || val(x.method.method.AuthorizationType) == kindCustom || val(x.method.method.AuthorizationType) == kindCognito {
		return "User is not authorized to access this resource"
	}
	who := "anonymous"
	if x.iam != nil {
		who = x.iam.UserARN
	}
	account := x.api.row.Account
	if x.iam == nil || x.iam.AccountID != account {
		account = strings.Repeat("*", len(account)-4) + account[len(account)-4:]
	}
	return "User: " + who + " is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:" + x.api.row.Region + ":" + account + ":" +
		x.api.row.id() + "/" + x.stage.name + "/" + x.r.Method + x.path
}

func clip(s string) string { return s[:min(len(s), 2048)] }

var errNothing = errors.New("there is no such API, stage, resource or method")

// find finds the API by its id, and what of it a request is for.
func (s *Service) find(x *exchange) {
	a, err := s.memory.get(x.r.Context(), x.target.Name)
	if err != nil {
		x.problem = &refused{kind: "DEFAULT_5XX", cause: err, hidden: true}
		return
	}
	if a == nil || val(a.row.API.DisableExecuteApiEndpoint) && x.base == nil {
		x.problem = &refused{kind: "WAF_FILTERED", cause: errNothing, hidden: true}
		return
	}
	x.api = a
	segments, ok := readPath(x.target.Path)
	if !ok {
		x.problem = &refused{kind: "DEFAULT_4XX", message: "Bad Request", cause: errors.New("the path is none"), hidden: true}
		return
	}
	if x.stage = a.stages[segments[0]]; x.stage == nil {
		x.problem = &refused{kind: "WAF_FILTERED", cause: errNothing, hidden: true}
		return
	}
	if segments = segments[1:]; len(segments) == 0 {
		segments = []string{""}
	}
	x.path, x.header = "/"+strings.Join(segments, "/"), plain(x.r.Header)
	if x.resource, x.params = match(x.stage.resources, segments); x.resource != nil {
		if x.method = x.resource.methods[x.r.Method]; x.method == nil {
			x.method = x.resource.methods["ANY"]
		}
	}
	if x.method == nil {
		x.problem = &refused{kind: "MISSING_AUTHENTICATION_TOKEN", cause: errNothing}
	}
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
		if event.Hop(name) || drop[name] || name == "Forwarded" || name == "Expect" || strings.HasPrefix(name, "X-Forwarded-") {
			continue
		}
		out[name] = values
	}
	return out
}

// bucketKey is what is throttled together: a stage's method, or a plan's key.
type bucketKey struct{ api, stage, what string }

// limited is the key of a stage's settings for a method: its own, or that for all.
func (x *exchange) limit() (string, bucket.Limit) {
	for _, key := range []string{x.resource.path + "/" + x.method.name, "*/*"} {
		if l, ok := x.stage.limits[key]; ok {
			return key, l
		}
	}
	return "*/*", usualLimit
}

func (s *Service) allowed(x *exchange) bool {
	key, limit := x.limit()
	return s.throttle.Take(bucketKey{x.api.row.id(), x.stage.name, key}, limit, x.began)
}
