package apigateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"cloister/internal/awsapi"
	lambdaapi "cloister/internal/awsapi/lambda"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/gate/event"
)

// handle does what the method is for: the key and its plan, the request's form, and
// the integration.
func (s *Service) handle(c *door.Call, in *platform.InvokeRESTAPIRequest) (*platform.InvokeAPIResponse, error) {
	x := in.Exchange.(*exchange)
	if err := s.admitKey(c, x); err != nil {
		return nil, err
	}
	if err := x.validate(); err != nil {
		return nil, err
	}
	i := x.method.method.MethodIntegration
	ctx, cancel := context.WithTimeout(c, timeoutOf(i.TimeoutInMillis))
	defer cancel()
	answer, err := s.integrate(ctx, c, x)
	if ctx.Err() != nil && c.Err() == nil {
		return nil, x.refuse("INTEGRATION_TIMEOUT", ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	return &platform.InvokeAPIResponse{Answer: answer}, nil
}

func (s *Service) integrate(ctx context.Context, c *door.Call, x *exchange) (*event.Answer, error) {
	switch val(x.method.method.MethodIntegration.Type) {
	case typeProxy:
		return s.proxyFunction(ctx, c, x)
	case typeLambda:
		return s.callFunction(ctx, c, x)
	case typeHTTP, typeHTTPPx:
		return s.callBackend(ctx, c, x)
	}
	return x.mock(c)
}

// proxyFunction has a function answer the request as it is.
func (s *Service) proxyFunction(ctx context.Context, c *door.Call, x *exchange) (*event.Answer, error) {
	payload, err := event.RESTProxy(s.request(c, x))
	if err != nil {
		return nil, err
	}
	answer, err := s.invoke(ctx, x, val(x.method.method.MethodIntegration.Uri), x.source2(), payload, false)
	if err != nil {
		return nil, x.failed(err)
	}
	out, err := event.AnswerV1(answer)
	if err != nil {
		return nil, x.badGateway(err)
	}
	return out, nil
}

// source2 is the ARN by which functions know the method: ANY and variables are *.
func (x *exchange) source2() string {
	name, path := x.method.name, x.resource.path
	if name == "ANY" {
		name = x.r.Method
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "*"
		}
	}
	return x.api.row.executeARN("/" + x.stage.name + "/" + name + strings.Join(parts, "/"))
}

// badGateway is for an integration that answered what is no answer.
func (x *exchange) badGateway(cause error) error {
	x.problem = &refused{kind: "INTEGRATION_FAILURE", status: http.StatusBadGateway, message: "Internal server error", cause: cause}
	return x.problem.wire()
}

// failed is for an invocation that gave nothing.
func (x *exchange) failed(err error) error {
	var wire *awsapi.Error
	switch {
	case errors.Is(err, errFunction):
		return x.badGateway(err)
	case errors.As(err, &wire) && wire.Code == "TooManyRequestsException":
		x.problem = &refused{kind: "INTEGRATION_FAILURE", status: http.StatusInternalServerError, cause: err}
		return x.problem.wire()
	}
	return x.refuse("API_CONFIGURATION_ERROR", err)
}

// errFunction is for a function that ended with an error, of which nobody is told
// whom the API does not tell.
var errFunction = errors.New("the function failed")

// invoke invokes the function of an URI with a payload, for the source. With
// errFunction comes what the function said.
func (s *Service) invoke(ctx context.Context, x *exchange, uri, source string, payload []byte, later bool) ([]byte, error) {
	arn := functionARN.FindString(x.substitute(functionOf(uri)))
	if arn == "" || stageVariable.MatchString(arn) {
		return nil, errors.New("the stage's variables make no function of the integration")
	}
	as := door.ServicePrincipal("apigateway.amazonaws.com", source, x.api.row.Account)
	in := &lambdaapi.InvocationRequest{FunctionName: &arn, Payload: payload}
	if later {
		in.InvocationType = ptr("Event")
	}
	out, err := door.Do(ctx, s.door, as, lambdaapi.OpInvoke, in)
	if err != nil {
		return nil, err
	}
	if out.FunctionError != nil {
		return out.Payload, errFunction
	}
	return out.Payload, nil
}

// substitute puts the stage's variables in their places.
func (x *exchange) substitute(text string) string {
	return stageVariable.ReplaceAllStringFunc(text, func(found string) string {
		if value, ok := x.stage.variables[found[len("${stageVariables."):len(found)-1]]; ok {
			return value
		}
		return found
	})
}

// mapped is the body for the integration: what the template for the request's kind
// makes of it, or the body as it came where templates let it pass.
func (x *exchange) mapped(c *door.Call) ([]byte, error) {
	i := x.method.method.MethodIntegration
	kind, _, _ := strings.Cut(x.header.Get("Content-Type"), ";")
	if kind = strings.ToLower(strings.TrimSpace(kind)); kind == "" {
		kind = "application/json"
	}
	t := x.method.requests[kind]
	if t == nil {
		behavior := or(i.PassthroughBehavior, "WHEN_NO_MATCH")
		if behavior == "NEVER" || behavior == "WHEN_NO_TEMPLATES" && len(x.method.requests) > 0 {
			return nil, x.refuse("UNSUPPORTED_MEDIA_TYPE", nil)
		}
		return x.body, nil
	}
	text, err := t.Render(x.variables(c, string(x.body)))
	if err != nil {
		return nil, x.refuse("DEFAULT_5XX", err)
	}
	return []byte(text), nil
}

// callFunction has a function answer what templates make of the request.
func (s *Service) callFunction(ctx context.Context, c *door.Call, x *exchange) (*event.Answer, error) {
	payload, err := x.mapped(c)
	if err != nil {
		return nil, err
	}
	i := x.method.method.MethodIntegration
	if val(i.ContentHandling) == "CONVERT_TO_TEXT" && isBinary(x.stage.definition.BinaryTypes, x.header.Get("Content-Type")) {
		payload, err = json.Marshal(base64.StdEncoding.EncodeToString(payload))
		if err != nil {
			return nil, err
		}
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if !json.Valid(payload) {
		return nil, x.refuse("DEFAULT_4XX", errors.New("the payload is no JSON"))
	}
	how, _ := x.parameter(i.RequestParameters["integration.request.header.X-Amz-Invocation-Type"], x.contextOf(c), string(x.body))
	said, err := s.invoke(ctx, x, val(i.Uri), x.source2(), payload, how == "Event")
	if err != nil && !errors.Is(err, errFunction) {
		return nil, x.failed(err)
	}
	message := ""
	if err != nil {
		var failure struct {
			Message string `json:"errorMessage"`
		}
		_ = json.Unmarshal(said, &failure)
		message = failure.Message
	}
	return x.answered(c, message, http.Header{"Content-Type": {"application/json"}}, said)
}

// mock answers with the status that the request's template says.
func (x *exchange) mock(c *door.Call) (*event.Answer, error) {
	body, err := x.mapped(c)
	if err != nil {
		return nil, err
	}
	var said struct {
		Status int `json:"statusCode"`
	}
	if len(x.method.requests) == 0 {
		body = []byte(`{"statusCode":200}`)
	}
	if err := json.Unmarshal(body, &said); err != nil || said.Status == 0 {
		return nil, x.refuse("DEFAULT_5XX", errors.New("the template of a mock integration gives no statusCode"))
	}
	return x.answered(c, itoa(said.Status), http.Header{"Content-Type": {"application/json"}}, nil)
}

// answered is what the integration response that is chosen by a text makes of what
// the integration said.
func (x *exchange) answered(c *door.Call, by string, header http.Header, body []byte) (*event.Answer, error) {
	r := x.choose(by)
	if r == nil {
		return nil, x.refuse("API_CONFIGURATION_ERROR", errors.New("no integration response is for what the integration answered"))
	}
	out := &event.Answer{Status: statusOf(val(r.response.StatusCode)), Header: http.Header{}, Body: body}
	kind := header.Get("Content-Type")
	if len(r.templates) > 0 {
		chosenKind, t := chosen(r.templates, x.r.Header.Get("Accept"))
		text, err := t.Render(x.variables(c, string(body)))
		if err != nil {
			return nil, x.refuse("DEFAULT_5XX", err)
		}
		kind, out.Body = chosenKind, []byte(text)
	}
	if kind == "" {
		kind = "application/json"
	}
	out.Header.Set("Content-Type", kind)
	if val(r.response.ContentHandling) == "CONVERT_TO_BINARY" {
		if plain, err := base64.StdEncoding.DecodeString(strings.Trim(string(out.Body), `"`)); err == nil {
			out.Body = plain
		}
	}
	return out, x.mapHeaders(c, r, out, header, body)
}

// choose finds the integration response: the one whose pattern matches, or else the
// one without.
func (x *exchange) choose(by string) *answer {
	var usual *answer
	for _, r := range x.method.answers {
		switch {
		case r.pattern == nil:
			if usual == nil {
				usual = r
			}
		case by != "" && r.pattern.MatchString(by):
			return r
		}
	}
	return usual
}

func statusOf(code string) int {
	n := 0
	for _, d := range code {
		n = n*10 + int(d-'0')
	}
	if n < 200 || n > 599 {
		return http.StatusOK
	}
	return n
}
