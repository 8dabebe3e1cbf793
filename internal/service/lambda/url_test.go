package lambda

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/lambda"
	httpgate "cloister/internal/gate"
	"cloister/internal/guardrail"
	"cloister/internal/service/lambda/invoke"
)

// urlStage is a function with a URL, behind a gate.
type urlStage struct {
	*harness
	gate *httpgate.Gate
	id   string
}

func newURLStage(t *testing.T, url *api.CreateFunctionUrlConfigRequest) *urlStage {
	h := newHarness(t, func(c *Config) { c.Guardrails = guardrail.New(&api.Service) })
	in := createRequest("f", "one")
	in.Tags = map[string]string{"cloister:public": "true"}
	_, err := do(h, h.Root(), api.OpCreateFunction, in)
	h.must(err)
	url.FunctionName = ptr("f")
	out, err := do(h, h.Root(), api.OpCreateFunctionUrlConfig, url)
	h.must(err)
	s := &urlStage{harness: h, gate: httpgate.New(h.Door, "")}
	s.gate.Handle("lambda-url", h.lambda.URLs())
	s.id, _, _ = strings.Cut(strings.TrimPrefix(*out.FunctionUrl, "https://"), ".")
	return s
}

// permit lets a principal call by the URL, as AWS's console does: by both actions.
func (s *urlStage) permit(principal, authType string) {
	s.t.Helper()
	_, err := do(s.harness, s.Root(), api.OpAddPermission, &api.AddPermissionRequest{
		FunctionName: ptr("f"), StatementId: ptr("url"), Action: ptr("lambda:InvokeFunctionUrl"), Principal: ptr(principal), FunctionUrlAuthType: ptr(authType)})
	s.must(err)
	_, err = do(s.harness, s.Root(), api.OpAddPermission, &api.AddPermissionRequest{
		FunctionName: ptr("f"), StatementId: ptr("invoke"), Action: ptr("lambda:InvokeFunction"), Principal: ptr(principal), InvokedViaFunctionUrl: ptr(true)})
	s.must(err)
}

func (s *urlStage) request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "http://"+s.id+".lambda-url.localhost:4566"+path, strings.NewReader(body))
	return r
}

func (s *urlStage) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.gate.ServeHTTP(w, r)
	return w
}

func open() *api.CreateFunctionUrlConfigRequest {
	return &api.CreateFunctionUrlConfigRequest{AuthType: ptr("NONE")}
}

// A URL without authorisation still takes a policy of the function that lets
// everyone in.
func TestOpenURL(t *testing.T) {
	s := newURLStage(t, open())
	if w := s.send(s.request("GET", "/", "")); w.Code != 403 || !strings.Contains(w.Body.String(), `{"Message":"Forbidden.`) {
		t.Errorf("without a policy: %d %s", w.Code, w.Body)
	}
	s.permit("*", "NONE")
	r := s.request("POST", "/a%2Fb//c?x=1&x=2", `{"k":"v"}`)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-For", "6.6.6.6")
	s.fleet.answers(func(_ *invoke.Function, req *invoke.Request) (*invoke.Result, error) {
		return &invoke.Result{Payload: []byte(`{"statusCode":201,"headers":{"X-A":"b","Connection":"close"},"cookies":["c=d"],"body":"made"}`)}, nil
	})
	w := s.send(r)
	if w.Code != 201 || w.Body.String() != "made" || w.Header().Get("X-A") != "b" || w.Header().Get("Set-Cookie") != "c=d" || w.Header().Get("Connection") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	var told struct {
		RawPath, RawQueryString, Body string
		Headers                       map[string]string
		RequestContext                struct {
			AccountID, APIID, Stage string
			HTTP                    struct{ SourceIP, Method string }
		}
	}
	s.must(json.Unmarshal(s.fleet.last().req.Payload, &told))
	if told.RawPath != "/a%2Fb//c" || told.RawQueryString != "x=1&x=2" || told.Body != `{"k":"v"}` ||
		told.RequestContext.AccountID != "anonymous" || told.RequestContext.APIID != s.id || told.RequestContext.Stage != "$default" ||
		told.RequestContext.HTTP.SourceIP != "192.0.2.1" || told.Headers["x-forwarded-for"] != "192.0.2.1" || told.Headers["x-forwarded-port"] != "4566" {
		t.Errorf("the function is told %+v", told)
	}
}

func TestSignedURL(t *testing.T) {
	s := newURLStage(t, &api.CreateFunctionUrlConfigRequest{AuthType: ptr("AWS_IAM")})
	may := s.User("may", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:InvokeFunctionUrl","lambda:InvokeFunction"],"Resource":"*"}]}`)
	half := s.User("half", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:InvokeFunctionUrl","Resource":"*"}]}`)
	url := &awsapi.Service{SigningName: "lambda"}
	for what, c := range map[string]struct {
		r      *http.Request
		status int
	}{
		"permitted":                 {s.Sign(s.request("GET", "/", ""), s.Key(may, url)), 200},
		"by the URL, not at all":    {s.Sign(s.request("GET", "/", ""), s.Key(half, url)), 403},
		"not signed":                {s.request("GET", "/", ""), 403},
		"signed for another":        {s.Sign(s.request("GET", "/", ""), s.Key(may, &awsapi.Service{SigningName: "execute-api"})), 403},
		"a URL that does not exist": {httptest.NewRequest("GET", "http://nobody.lambda-url.localhost/", nil), 404},
	} {
		if w := s.send(c.r); w.Code != c.status {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	var told struct {
		RequestContext struct {
			Authorizer struct {
				IAM struct{ UserARN, AccessKey string }
			}
		}
	}
	s.must(json.Unmarshal(s.fleet.last().req.Payload, &told))
	if told.RequestContext.Authorizer.IAM.UserARN != may.ARN {
		t.Errorf("the function is told that %+v called", told)
	}
}

// What a function fails with stays inside.
func TestURLTellsNothingOfFailures(t *testing.T) {
	s := newURLStage(t, open())
	s.permit("*", "NONE")
	for what, c := range map[string]struct {
		result *invoke.Result
		err    error
		status int
	}{
		"an error":           {&invoke.Result{Payload: []byte(`{"errorMessage":"secret"}`), FunctionError: "Unhandled", ErrorType: "ValueError"}, nil, 502},
		"a timeout":          {&invoke.Result{Payload: []byte(`{"errorMessage":"secret"}`), FunctionError: "Unhandled", ErrorType: "Sandbox.Timedout"}, nil, 504},
		"throttled":          {nil, &invoke.ThrottleError{Reason: "ReservedFunctionConcurrentInvocationLimitExceeded"}, 429},
		"a split header":     {&invoke.Result{Payload: []byte(`{"statusCode":200,"headers":{"a":"b\r\nset-cookie: secret"}}`)}, nil, 502},
		"an answer of none":  {&invoke.Result{Payload: []byte(`{"statusCode":"secret"}`)}, nil, 502},
		"an unknown failure": {nil, errors.New("secret"), 500},
	} {
		s.fleet.answers(func(*invoke.Function, *invoke.Request) (*invoke.Result, error) { return c.result, c.err })
		if w := s.send(s.request("GET", "/", "")); w.Code != c.status || strings.Contains(w.Body.String(), "secret") || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v %s", what, w.Code, w.Header(), w.Body)
		}
	}
	if w := s.send(s.request("POST", "/", strings.Repeat("x", maxPayload+1))); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", w.Code)
	}
}

func TestURLStreams(t *testing.T) {
	in := open()
	in.InvokeMode = ptr("RESPONSE_STREAM")
	s := newURLStage(t, in)
	s.permit("*", "NONE")
	play := func(contentType string, chunks ...string) {
		s.fleet.answers(func(_ *invoke.Function, req *invoke.Request) (*invoke.Result, error) {
			w := req.Stream(contentType)
			for _, c := range chunks {
				if _, err := io.WriteString(w, c); err != nil {
					return nil, err
				}
			}
			return &invoke.Result{Streamed: true}, nil
		})
	}
	play(integrationResponse, `{"statusCode":206,"hea`, `ders":{"X-A":"b"},"cookies":["c=d"]}`, "\x00\x00\x00\x00", "\x00\x00\x00\x00one ", "two")
	if w := s.send(s.request("GET", "/", "")); w.Code != 206 || w.Body.String() != "one two" || w.Header().Get("X-A") != "b" || w.Header().Get("Set-Cookie") != "c=d" {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	play("text/plain", "one ", "two")
	if w := s.send(s.request("GET", "/", "")); w.Code != 200 || w.Body.String() != "one two" || w.Header().Get("Content-Type") != "text/plain" {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	for _, bad := range []string{"", "{", "no JSON\x00\x00\x00\x00\x00\x00\x00\x00", strings.Repeat("x", maxPrelude+1), `{"statusCode":1}` + string(preludeEnd), `{"headers":{"a":"\n"}}` + string(preludeEnd), `null` + string(preludeEnd)} {
		play(integrationResponse, bad)
		if w := s.send(s.request("GET", "/", "")); w.Code != 502 {
			t.Errorf("%.20q: %d %s", bad, w.Code, w.Body)
		}
	}
	s.fleet.answers(func(*invoke.Function, *invoke.Request) (*invoke.Result, error) {
		return &invoke.Result{FunctionError: "Unhandled", Payload: []byte("secret")}, nil
	})
	if w := s.send(s.request("GET", "/", "")); w.Code != 502 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a function that fails before it answers: %d %s", w.Code, w.Body)
	}
}

func TestURLCors(t *testing.T) {
	in := &api.CreateFunctionUrlConfigRequest{AuthType: ptr("AWS_IAM"), Cors: &api.Cors{AllowOrigins: []string{"https://good.example"}, AllowMethods: []string{"GET"}}}
	s := newURLStage(t, in)
	ask := s.request("OPTIONS", "/", "")
	ask.Header.Set("Origin", "https://good.example")
	ask.Header.Set("Access-Control-Request-Method", "GET")
	if w := s.send(ask); w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "https://good.example" || len(s.fleet.calls) != 0 {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	ask.Header.Set("Origin", "https://evil.example")
	if w := s.send(ask); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", w.Header())
	}
}

// A URL that is open to everyone takes the tag that says so, and the tag stays
// while it is open.
func TestOpenURLsSaySo(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.Guardrails = guardrail.New(&api.Service) })
	h.create("f", "one")
	refused := func(err error) bool { return err != nil && strings.Contains(err.Error(), guardrail.OpenRoute) }
	create := func(authType string) error {
		_, err := do(h, h.Root(), api.OpCreateFunctionUrlConfig, &api.CreateFunctionUrlConfigRequest{FunctionName: ptr("f"), AuthType: &authType})
		return err
	}
	if err := create("NONE"); !refused(err) {
		t.Errorf("created: %v", err)
	}
	h.must(create("AWS_IAM"))
	update := func() error {
		_, err := do(h, h.Root(), api.OpUpdateFunctionUrlConfig, &api.UpdateFunctionUrlConfigRequest{FunctionName: ptr("f"), AuthType: ptr("NONE")})
		return err
	}
	if err := update(); !refused(err) {
		t.Errorf("opened: %v", err)
	}
	arn := "arn:aws:lambda:us-east-1:123456789012:function:f"
	_, err := do(h, h.Root(), api.OpTagResource, &api.TagResourceRequest{Resource: &arn, Tags: map[string]string{"cloister:public": "true"}})
	h.must(err)
	h.must(update())
	untag := func() error {
		_, err := do(h, h.Root(), api.OpUntagResource, &api.UntagResourceRequest{Resource: &arn, TagKeys: []string{"cloister:public"}})
		return err
	}
	if err := untag(); !refused(err) {
		t.Errorf("untagged: %v", err)
	}
	_, err = do(h, h.Root(), api.OpDeleteFunctionUrlConfig, &api.DeleteFunctionUrlConfigRequest{FunctionName: ptr("f")})
	h.must(err)
	h.must(untag())
}
