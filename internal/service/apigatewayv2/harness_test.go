package apigatewayv2

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	lambdaapi "cloister/internal/awsapi/lambda"
	logsapi "cloister/internal/awsapi/logs"
	"cloister/internal/awsapi/platform"
	"cloister/internal/dial"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
	"cloister/internal/gate"
	"cloister/internal/gate/jwt"
	"cloister/internal/guardrail"
	"cloister/internal/oidc"
	"cloister/internal/oidc/oidctest"
	"cloister/internal/store"
	"cloister/policy"
)

const issuerURL = "https://idp.example/realm"

// harness is the service behind a real gate and door, with a Lambda of the
// tests'.
type harness struct {
	*doortest.Harness
	t       testing.TB
	service *Service
	gate    *gate.Gate
	issuer  *oidctest.Issuer
	lambda  *functions
	root    *door.Principal
	// backends answers the requests of HTTP integrations.
	backends *backends
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{t: t, issuer: oidctest.New(t, issuerURL), backends: &backends{}, lambda: &functions{answers: map[string]func(*call) (string, error){}}}
	h.Harness = doortest.New(t, []*awsapi.Service{&api.Service, &lambdaapi.Service, &platform.ExecuteAPI, &logsapi.Service})
	h.service = New(Config{
		DB: h.DB, Guardrails: guardrail.New(&api.Service, &lambdaapi.Service), Tokens: jwt.New(oidc.NewKeys(h.issuer.Fetch), nil),
		Dial: dial.New(), Endpoint: func(id string) string { return "https://" + id + ".execute-api.localhost" },
		Taken: func(host string) bool { return host == "node.example" },
	})
	h.service.backends = h.backends
	h.service.Register(h.Door)
	h.lambda.register(h.Door)
	h.gate = gate.New(h.Door, "")
	h.gate.Handle("execute-api", h.service)
	h.root = h.Root()
	t.Cleanup(h.check)
	return h
}

func (h *harness) check() {
	if err := h.DB.View(context.Background(), h.service.Check); err != nil {
		h.t.Errorf("check: %v", err)
	}
}

func (h *harness) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// functions stands for Lambda: functions whose policies let API Gateway in for
// what source allows.
type functions struct {
	mu      sync.Mutex
	answers map[string]func(*call) (string, error) // by name
	source  string                                 // "" for every source
	calls   []*call
}

// call is an invocation as a function sees it.
type call struct {
	ctx     context.Context
	Name    string
	Source  string
	Payload string
	Event   map[string]any
}

const allowSource = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"apigateway.amazonaws.com"},"Action":"lambda:InvokeFunction",
	"Resource":"*","Condition":{"ArnLike":{"AWS:SourceArn":"SOURCE"}}}}`

func (f *functions) register(d *door.Door) {
	door.Act(d, lambdaapi.OpInvoke, door.Permission(func(c *door.Call, _ store.Reader, in *lambdaapi.InvocationRequest) ([]door.Need, error) {
		f.mu.Lock()
		source := f.source
		f.mu.Unlock()
		if source == "" {
			source = "arn:aws:execute-api:*:*:*"
		}
		p, err := policy.Parse(policy.KindResource, []byte(strings.Replace(allowSource, "SOURCE", source, 1)))
		return []door.Need{{Action: "lambda:InvokeFunction", Resource: *in.FunctionName, ResourcePolicy: &policy.Named{Name: "function", Policy: p}}}, err
	}), func(c *door.Call, in *lambdaapi.InvocationRequest) (*lambdaapi.InvocationResponse, error) {
		name := (*in.FunctionName)[strings.LastIndex(*in.FunctionName, ":")+1:]
		x := &call{ctx: c, Name: name, Source: c.Principal.SourceARN, Payload: string(in.Payload)}
		_ = json.Unmarshal(in.Payload, &x.Event)
		f.mu.Lock()
		f.calls = append(f.calls, x)
		answer := f.answers[name]
		f.mu.Unlock()
		if answer == nil {
			return nil, awsapi.Errorf("ResourceNotFoundException", "Function not found: %s", name)
		}
		text, err := answer(x)
		if errors.Is(err, errBroken) {
			return &lambdaapi.InvocationResponse{FunctionError: ptr("Unhandled"), Payload: []byte(`{"errorMessage":"a secret of the function"}`)}, nil
		}
		return &lambdaapi.InvocationResponse{Payload: []byte(text)}, err
	})
}

// errBroken has a function fail.
var errBroken = errors.New("broken")

// function makes a function that answers; its ARN is returned.
func (h *harness) function(name string, answer func(*call) (string, error)) string {
	h.lambda.mu.Lock()
	defer h.lambda.mu.Unlock()
	h.lambda.answers[name] = answer
	return "arn:aws:lambda:us-east-1:" + doortest.Account + ":function:" + name
}

// echo answers with the event that it was told.
func echo(c *call) (string, error) {
	body, err := json.Marshal(c.Payload)
	return `{"statusCode":200,"headers":{"content-type":"application/json"},"body":` + string(body) + `}`, err
}

func (h *harness) last() *call {
	h.lambda.mu.Lock()
	defer h.lambda.mu.Unlock()
	if len(h.lambda.calls) == 0 {
		return nil
	}
	return h.lambda.calls[len(h.lambda.calls)-1]
}

func (h *harness) invocations() int {
	h.lambda.mu.Lock()
	defer h.lambda.mu.Unlock()
	return len(h.lambda.calls)
}

func do[In, Out any](h *harness, op awsapi.Op[In, Out], in *In) *Out {
	h.t.Helper()
	out, err := door.Do(context.Background(), h.Door, h.root, op, in)
	h.must(err)
	return out
}

// newAPI makes an API with a stage that deploys by itself.
func (h *harness) newAPI(tags map[string]string) string {
	h.t.Helper()
	a := do(h, api.OpCreateApi, &api.CreateApiRequest{Name: ptr("test"), ProtocolType: ptr("HTTP"), Tags: tags})
	do(h, api.OpCreateStage, &api.CreateStageRequest{ApiId: a.ApiId, StageName: ptr("$default"), AutoDeploy: ptr(true)})
	return *a.ApiId
}

// public is what an API says whose routes are open.
var public = map[string]string{"cloister:public": "true"}

func (h *harness) integration(id, function string) *string {
	h.t.Helper()
	return ptr("integrations/" + *do(h, api.OpCreateIntegration, &api.CreateIntegrationRequest{
		ApiId: &id, IntegrationType: ptr("AWS_PROXY"), IntegrationUri: &function, PayloadFormatVersion: ptr("2.0"),
	}).IntegrationId)
}

func (h *harness) route(id, key, function string, more ...func(*api.CreateRouteRequest)) string {
	h.t.Helper()
	in := &api.CreateRouteRequest{ApiId: &id, RouteKey: &key, Target: h.integration(id, function)}
	for _, fn := range more {
		fn(in)
	}
	return *do(h, api.OpCreateRoute, in).RouteId
}

func (h *harness) jwtAuthorizer(id string, audience ...string) *string {
	h.t.Helper()
	return do(h, api.OpCreateAuthorizer, &api.CreateAuthorizerRequest{
		ApiId: &id, Name: ptr("jwt"), AuthorizerType: ptr("JWT"), IdentitySource: []string{"$request.header.Authorization"},
		JwtConfiguration: &api.JWTConfiguration{Issuer: ptr(issuerURL), Audience: audience},
	}).AuthorizerId
}

// request is one to an API by its host.
func request(method, id, path, body string) *http.Request {
	r := httptest.NewRequest(method, "http://"+id+".execute-api.localhost"+path, strings.NewReader(body))
	r.RequestURI = ""
	return r
}

func with2(r *http.Request, pairs ...string) *http.Request {
	for i := 0; i < len(pairs); i += 2 {
		r.Header.Add(pairs[i], pairs[i+1])
	}
	return r
}

// send serves a request at the gate.
func (h *harness) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.gate.ServeHTTP(w, r)
	return w
}

// want sends a request and compares status and body.
func (h *harness) want(status int, body string, r *http.Request) *httptest.ResponseRecorder {
	h.t.Helper()
	w := h.send(r)
	got, _ := io.ReadAll(w.Body)
	if w.Code != status || body != "" && strings.TrimSpace(string(got)) != body {
		h.t.Errorf("%s %s: %d %s, want %d %s", r.Method, r.URL, w.Code, got, status, body)
	}
	return w
}

// lastRecord is the newest record of the audit log about a request to an API.
func (h *harness) lastRecord() *audit.Record {
	h.t.Helper()
	var last *audit.Record
	for e, err := range audit.Read(context.Background(), h.Dir, h.Keys, 0, false) {
		h.must(err)
		if e.EventSource == "execute-api.amazonaws.com" {
			rec := e.Record
			last = &rec
		}
	}
	if last == nil {
		h.t.Fatal("the audit log has no request to an API")
	}
	return last
}

// backends stands for whatever HTTP integrations reach.
type backends struct {
	answer http.HandlerFunc
	got    *http.Request
	body   string
}

func (b *backends) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	b.got, b.body = r, string(body)
	if b.answer == nil {
		return nil, dial.ErrRefused
	}
	w := httptest.NewRecorder()
	b.answer(w, r)
	return w.Result(), nil
}

// findings is how many of a rule are so.
func (h *harness) findings(rule string) (n int) {
	h.t.Helper()
	h.must(h.DB.View(context.Background(), func(r store.Reader) error {
		found, _, err := guardrail.Findings(r, doortest.Account, guardrail.Active, "", 100)
		for _, f := range found {
			if f.Rule == rule {
				n++
			}
		}
		return err
	}))
	return n
}

// noPolicies is no policies at all.
func noPolicies() *policy.Policies { return &policy.Policies{} }
