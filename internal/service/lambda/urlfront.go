package lambda

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	httpgate "cloister/internal/gate"
	"cloister/internal/gate/cors"
	httpevent "cloister/internal/gate/event"
	"cloister/internal/service/lambda/invoke"
	"cloister/internal/store"
	"cloister/policy"
)

// urlExchange is one request to a function's URL. It belongs to one goroutine.
type urlExchange struct {
	r       *http.Request
	target  httpgate.Target
	url     *functionURL
	body    []byte
	problem error // why there is nothing to serve, if so
}

// URLs is the front of the functions' URLs.
func (s *Service) URLs() httpgate.Front { return urlFront{s} }

type urlFront struct{ *Service }

// Serve implements gate.Front. It answers for every name.
func (s urlFront) Serve(w http.ResponseWriter, r *http.Request, t httpgate.Target) bool {
	x := &urlExchange{r: r, target: t}
	in := &platform.InvokeFunctionURLRequest{URLID: clip(t.Name), Method: clip(r.Method), Path: clip(t.Path), Exchange: x}
	region := ""
	if x.url, x.problem = s.findURL(r, t.Name); x.problem == nil {
		in.Function, region = x.url.ref().arn(), x.url.Region
	}
	body, release, err := s.door.Body(w, r, maxPayload)
	defer release()
	if err != nil && x.problem == nil {
		x.problem = err
	}
	x.body = body
	out, requestID, err := door.Enter(s.door, r, platform.OpInvokeFunctionURL, region, in)
	w.Header().Set("X-Amzn-Requestid", requestID)
	if err != nil {
		x.allowOrigins(w.Header())
		urlRefusal(err).Write(w, r)
		return true
	}
	out.Answer.(func(http.ResponseWriter))(w)
	return true
}

var errNoURL = &awsapi.Error{Code: "NotFound", Message: "Not Found", Status: http.StatusNotFound, Cause: errors.New("there is no such URL")}

func (s urlFront) findURL(r *http.Request, id string) (found *functionURL, err error) {
	err = s.db.View(r.Context(), func(r store.Reader) error {
		for item, err := range urls.ScanIndex(r, "id", store.K(id), nil) {
			if err != nil {
				return err
			}
			found = item.Value
		}
		return nil
	})
	if err == nil && found == nil {
		err = errNoURL
	}
	return found, err
}

// identifyURL finds out who calls a URL.
func (s *Service) identifyURL(c *door.Call, in *platform.InvokeFunctionURLRequest) error {
	x := in.Exchange.(*urlExchange)
	if x.problem != nil {
		return x.problem
	}
	c.Account = x.url.Account
	if x.url.open() || x.preflight() {
		return nil
	}
	return c.Signed(x.r, "lambda", x.body)
}

// everyone is the policy of what a browser asks before it calls.
var everyone = mustPolicy(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"*"}]}`)

func mustPolicy(text string) *policy.Policy {
	p, err := policy.Parse(policy.KindResource, []byte(text))
	if err != nil {
		panic(err)
	}
	return p
}

// needsOfURL are to invoke by the URL and to invoke at all
// (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html). The URL is read
// again: what it was may have changed.
func (s *Service) needsOfURL(c *door.Call, r store.Reader, in *platform.InvokeFunctionURLRequest) ([]door.Need, error) {
	x := in.Exchange.(*urlExchange)
	f := x.url.ref()
	now, err := urls.Get(r, f.key(f.Qualifier))
	if errors.Is(err, store.ErrNotFound) || err == nil && (now.ID != x.url.ID || now.AuthType != x.url.AuthType) {
		return nil, errNoURL
	}
	if err != nil {
		return nil, err
	}
	if x.preflight() {
		return []door.Need{{Action: "lambda:InvokeFunctionUrl", Resource: f.arn(), Account: f.Account, ResourcePolicy: &policy.Named{Name: "CORS of " + f.arn(), Policy: everyone}}}, nil
	}
	byURL, _, err := s.targetNeed(r, "lambda:InvokeFunctionUrl", f)
	if err != nil {
		return nil, err
	}
	context := policy.MapContext{"lambda:functionurlauthtype": {x.url.AuthType}, "lambda:invokedviafunctionurl": {"true"}}
	for key, values := range byURL.Context {
		context[key] = values
	}
	byURL.Context = context
	atAll := byURL
	atAll.Action = "lambda:InvokeFunction"
	return []door.Need{byURL, atAll}, nil
}

// preflight says whether a browser asks whether it may call.
func (x *urlExchange) preflight() bool { return x.url.Cors != nil && cors.IsPreflight(x.r) }

// allowOrigins writes what an answer says of other origins.
func (x *urlExchange) allowOrigins(h http.Header) {
	if x.url != nil && x.url.Cors != nil {
		corsOf(x.url.Cors).Apply(h, x.r)
	}
}

func (s *Service) invokeURL(c *door.Call, in *platform.InvokeFunctionURLRequest) (*platform.InvokeFunctionURLResponse, error) {
	x := in.Exchange.(*urlExchange)
	if x.preflight() {
		return answered(func(w http.ResponseWriter) {
			corsOf(x.url.Cors).Preflight(w.Header(), x.r)
			w.WriteHeader(http.StatusOK)
		})
	}
	f := x.url.ref()
	t, err := s.targets.get(c, f)
	if err != nil {
		return nil, err
	}
	payload, err := httpevent.V2(x.request(c))
	if err != nil {
		return nil, err
	}
	if len(payload) > maxPayload {
		return nil, tooLarge("RequestTooLargeException", "Request must be smaller than %d bytes for the InvokeFunction operation", maxPayload)
	}
	call := &invoke.Request{RequestID: c.RequestID, InvokedARN: f.arn(), Payload: payload, TraceID: traceOf(c)}
	if x.url.Stream {
		return s.streamURL(c, x, t.pick(), call)
	}
	result, err := s.fleet.Invoke(c, t.pick(), call)
	if err != nil {
		return nil, invokeError(err)
	}
	if result.FunctionError != "" {
		return nil, functionFailed(result)
	}
	answer, err := httpevent.AnswerV2(result.Payload)
	if err != nil {
		return nil, badGateway(err)
	}
	return answered(func(w http.ResponseWriter) {
		x.allowOrigins(answer.Header)
		answer.Write(w, x.r)
	})
}

func answered(write func(http.ResponseWriter)) (*platform.InvokeFunctionURLResponse, error) {
	return &platform.InvokeFunctionURLResponse{Answer: write}, nil
}

// functionFailed is what a client is told of a function that failed: nothing of how.
func functionFailed(r *invoke.Result) error {
	if r.ErrorType == "Sandbox.Timedout" {
		return &awsapi.Error{Code: "GatewayTimeout", Message: "Gateway Timeout", Status: http.StatusGatewayTimeout, Cause: errors.New(r.ErrorType)}
	}
	return badGateway(errors.New("the function failed"))
}

func badGateway(cause error) error {
	return &awsapi.Error{Code: "BadGateway", Message: "Internal Server Error", Status: http.StatusBadGateway, Cause: cause}
}

// urlRefusal is an error as clients of URLs are told it.
func urlRefusal(err error) *httpevent.Answer {
	status := urlStatus(err)
	text := http.StatusText(status)
	switch {
	case status == http.StatusForbidden:
		text = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
	case status == http.StatusBadGateway:
		text = "Internal Server Error"
	}
	return &httpevent.Answer{
		Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"Message":` + strconv.Quote(text) + `}`),
	}
}

// urlStatus is the status of an error: of those of Lambda's own operations, what a
// client of the URL can do something about; the others are a failure inside.
func urlStatus(err error) int {
	var wire *awsapi.Error
	switch {
	case !errors.As(err, &wire):
		return http.StatusInternalServerError
	case wire.Status != 0:
		return wire.Status
	case wire.Code == "TooManyRequestsException":
		return http.StatusTooManyRequests
	case wire.Code == "ResourceNotFoundException":
		return http.StatusNotFound
	}
	return http.StatusBadGateway
}

// request is what the function is told.
func (x *urlExchange) request(c *door.Call) *httpevent.Request {
	prefix, _, _ := strings.Cut(x.target.Host, ".")
	r := &httpevent.Request{
		Method: x.r.Method, Path: x.target.Path, Query: x.r.URL.RawQuery, Protocol: x.r.Proto, Header: httpevent.Header(x.r, c.SourceIP), Host: x.r.Host, Body: x.body,
		Account: x.url.Account, API: x.url.ID, Stage: "$default", DomainName: x.target.Host, DomainPrefix: prefix, RouteKey: "$default",
		RequestID: c.RequestID, Time: c.Time, SourceIP: c.SourceIP,
	}
	if p := c.Principal; !x.url.open() {
		r.Authorizer = &httpevent.Authorizer{IAM: &httpevent.IAM{AccessKey: p.AccessKeyID, AccountID: p.Account, CallerID: p.UserID, UserARN: p.ARN, UserID: p.UserID}}
	} else {
		r.Account = "anonymous"
	}
	return r
}

func corsOf(given *api.Cors) *cors.Config {
	return &cors.Config{
		AllowOrigins: given.AllowOrigins, AllowMethods: given.AllowMethods, AllowHeaders: given.AllowHeaders, ExposeHeaders: given.ExposeHeaders,
		AllowCredentials: val(given.AllowCredentials), MaxAge: given.MaxAge,
	}
}
