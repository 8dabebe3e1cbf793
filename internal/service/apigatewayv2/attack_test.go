package apigatewayv2

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
)

// What comes of a function is told nobody but by its status.
func TestFailuresTellNothing(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	for _, c := range []struct {
		name   string
		answer func(*call) (string, error)
		status int
		body   string
	}{
		{"broken", func(*call) (string, error) { return "", errBroken }, 502, `{"message":"Internal Server Error"}`},
		{"malformed", func(*call) (string, error) { return `{"statusCode":"secret"}`, nil }, 502, `{"message":"Internal Server Error"}`},
		{"injected", func(*call) (string, error) { return `{"statusCode":200,"headers":{"X":"a\r\nSet-Cookie: b"}}`, nil }, 502, `{"message":"Internal Server Error"}`},
		{"busy", func(*call) (string, error) { return "", awsapi.Errorf("TooManyRequestsException", "secret") }, 503, `{"message":"Service Unavailable"}`},
		{"gone", nil, 500, `{"message":"Internal Server Error"}`},
		{"panics", func(*call) (string, error) { panic("secret") }, 500, `{"message":"Internal Server Error"}`},
	} {
		h.route(id, "GET /"+c.name, h.function(c.name, c.answer))
		h.want(c.status, c.body, request("GET", id, "/"+c.name, ""))
	}
	do(h, api.OpCreateRoute, &api.CreateRouteRequest{ApiId: &id, RouteKey: ptr("GET /nothing")})
	h.want(500, `{"message":"Internal Server Error"}`, request("GET", id, "/nothing", ""))
}

func TestTimeout(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.route(id, "GET /slow", h.function("slow", func(c *call) (string, error) { <-c.ctx.Done(); return "", c.ctx.Err() }))
	integration := do(h, api.OpGetIntegrations, &api.GetIntegrationsRequest{ApiId: &id}).Items[0]
	do(h, api.OpUpdateIntegration, &api.UpdateIntegrationRequest{ApiId: &id, IntegrationId: integration.IntegrationId, TimeoutInMillis: ptr(int64(50))})
	h.want(504, `{"message":"Endpoint request timed out"}`, request("GET", id, "/slow", ""))
}

// A function whose policy names another route is not reached.
func TestFunctionDecidesItsSources(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.route(id, "GET /a", h.function("f", hello))
	h.lambda.source = "arn:aws:execute-api:us-east-1:123456789012:" + id + "/*/POST/*"
	h.want(500, `{"message":"Internal Server Error"}`, request("GET", id, "/a", ""))
	if h.invocations() != 0 {
		t.Error("the function was reached")
	}
	h.lambda.source = "arn:aws:execute-api:us-east-1:123456789012:" + id + "/*/GET/a"
	h.want(200, "hello", request("GET", id, "/a", ""))
}

// However a path is written, it has the route and the permission of what it says.
func TestPathTricks(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	f := h.function("f", hello)
	h.route(id, "ANY /{proxy+}", f)
	h.route(id, "ANY /admin", f, func(in *api.CreateRouteRequest) { in.AuthorizationType = ptr("AWS_IAM") })
	h.route(id, "ANY /admin/{proxy+}", f, func(in *api.CreateRouteRequest) { in.AuthorizationType = ptr("AWS_IAM") })
	for path, status := range map[string]int{
		"/open": 200, "/": 404, "/admin": 403, "/admin/x": 403, "/%61dmin": 403, "/adm%69n/%78": 403, "/admin/": 403, "/admin/x/": 403,
		"/open/../admin": 400, "/open/%2e%2e/admin": 400, "/open/%2E./admin": 400, "/./admin": 400, "/open/..;/admin": 400, "/open/..%2fadmin": 400,
		`/open\..\admin`: 400, "/open%5c..%5cadmin": 400, "/%00": 400, "/%0d%0aX:y": 400, "/%ff": 400, "//admin": 400, "/open//admin": 400, "/admin//": 400,
		"/ADMIN": 200, "/admin%2fx": 200, "/admin%2Fx": 200,
	} {
		r := request("GET", id, "/", "")
		r.URL.Opaque, r.URL.Path, r.URL.RawPath = "", "", ""
		if err := setPath(r, path); err != nil {
			if status != 400 {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		h.want(status, "", r)
	}
	// A slash at the end, and letters that are encoded, do not count for policies.
	h.want(403, forbidden, request("GET", id, "/%61dmin/", ""))
	if rec := h.lastRecord(); !strings.HasSuffix(string(rec.Request), `"path":"/admin","routeKey":"ANY /admin"}`) {
		t.Errorf("audited as %s", rec.Request)
	}
}

func setPath(r *http.Request, path string) error {
	parsed, err := url.ParseRequestURI(path)
	if err == nil {
		r.URL = parsed
	}
	return err
}

// What a client says of where it comes from, and what belongs to its connection,
// no function hears.
func TestForwardedHeaders(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.route(id, "POST /", h.function("f", echo))
	r := with2(request("POST", id, "/", "x"), "X-Forwarded-For", "6.6.6.6", "X-Forwarded-Proto", "gopher", "X-Forwarded-Host", "evil", "Forwarded", "for=6.6.6.6",
		"Connection", "X-Private, close", "X-Private", "1", "Transfer-Encoding", "chunked", "Upgrade", "h2c", "Proxy-Authorization", "x", "X-Kept", "1", "X-Kept", "2")
	r.RemoteAddr = "192.0.2.9:1234"
	h.want(200, "", r)
	headers := h.last().Event["headers"].(map[string]any)
	for name, want := range map[string]any{
		"x-forwarded-for": "192.0.2.9", "x-forwarded-proto": "http", "x-forwarded-host": nil, "forwarded": nil, "connection": nil, "x-private": nil,
		"transfer-encoding": nil, "upgrade": nil, "proxy-authorization": nil, "x-kept": "1,2", "host": id + ".execute-api.localhost",
	} {
		if headers[name] != want {
			t.Errorf("%s is %v, want %v", name, headers[name], want)
		}
	}
	if ip := h.last().Event["requestContext"].(map[string]any)["http"].(map[string]any)["sourceIp"]; ip != "192.0.2.9" {
		t.Errorf("the source is %v", ip)
	}
}

func TestLargeBody(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.route(id, "POST /", h.function("f", hello))
	h.want(413, `{"message":"Request Entity Too Large"}`, request("POST", id, "/", strings.Repeat("x", maxBody+1)))
	if h.invocations() != 0 {
		t.Error("the function was reached")
	}
}

// Requests that two servers would cut in different places are cut in none.
func TestSmuggling(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.route(id, "ANY /{proxy+}", h.function("f", hello))
	server := httptest.NewServer(h.gate)
	t.Cleanup(server.Close)
	host := "Host: " + id + ".execute-api.localhost\r\n"
	for what, text := range map[string]string{
		"two lengths":                       "POST /a HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 30\r\n\r\nabcGET /smuggled HTTP/1.1\r\n" + host + "\r\n",
		"length and chunks":                 "POST /a HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"a space in a name":                 "POST /a HTTP/1.1\r\n" + host + "Content-Length : 3\r\n\r\nabc",
		"two hosts":                         "GET /a HTTP/1.1\r\n" + host + "Host: evil\r\n\r\n",
		"chunks of no number":               "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
		"a bare carriage return in a value": "GET /a HTTP/1.1\r\n" + host + "X-A: b\rX-C: d\r\n\r\n",
	} {
		t.Run(what, func(t *testing.T) {
			before := h.invocations()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode < 400 || answer.StatusCode > 501 || h.invocations() != before {
				t.Errorf("status %d, %d invocations", answer.StatusCode, h.invocations()-before)
			}
		})
	}
}

// A change is obeyed by the first request after it, and one on its way when the
// route was closed does not get in.
func TestRevocationIsImmediate(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	route := h.route(id, "POST /a", h.function("f", hello))
	h.want(200, "hello", request("POST", id, "/a", ""))
	slow := request("POST", id, "/a", "")
	slow.Body = slowBody{func() {
		do(h, api.OpUpdateRoute, &api.UpdateRouteRequest{ApiId: &id, RouteId: &route, AuthorizationType: ptr("AWS_IAM")})
	}}
	slow.ContentLength = -1
	h.want(503, "", slow)
	h.want(403, forbidden, request("POST", id, "/a", ""))
	do(h, api.OpDeleteRoute, &api.DeleteRouteRequest{ApiId: &id, RouteId: &route})
	h.want(404, notFoundBody, request("POST", id, "/a", ""))
	do(h, api.OpDeleteApi, &api.DeleteApiRequest{ApiId: &id})
	h.want(404, notFoundBody, request("POST", id, "/a", ""))
	if h.invocations() != 1 {
		t.Errorf("%d invocations", h.invocations())
	}
}

// slowBody has something happen before it is read.
type slowBody struct{ before func() }

func (b slowBody) Read([]byte) (int, error) { b.before(); return 0, io.EOF }
func (b slowBody) Close() error             { return nil }

func TestThrottling(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	f := h.function("f", hello)
	h.route(id, "GET /a", f)
	h.route(id, "GET /b", f)
	do(h, api.OpUpdateStage, &api.UpdateStageRequest{ApiId: &id, StageName: ptr("$default"), RouteSettings: map[string]*api.RouteSettings{
		"GET /a": {ThrottlingBurstLimit: ptr(int64(2)), ThrottlingRateLimit: ptr(0.001)},
	}})
	got := []int{}
	for range 4 {
		got = append(got, h.send(request("GET", id, "/a", "")).Code)
	}
	if fmt.Sprint(got) != "[200 200 429 429]" {
		t.Errorf("answered %v", got)
	}
	h.want(429, `{"message":"Too Many Requests"}`, request("GET", id, "/a", ""))
	h.want(200, "hello", request("GET", id, "/b", ""))
	// no change of the API fills the bucket
	h.route(id, "GET /c", f)
	h.want(429, "", request("GET", id, "/a", ""))
}

func TestCORS(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(nil)
	h.route(id, "ANY /{proxy+}", h.function("f", func(*call) (string, error) {
		return `{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*"},"body":"x"}`, nil
	}), func(in *api.CreateRouteRequest) { in.AuthorizationType = ptr("AWS_IAM") })
	do(h, api.OpUpdateApi, &api.UpdateApiRequest{ApiId: &id, CorsConfiguration: &api.Cors{AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET"}}})
	asks := with2(request("OPTIONS", id, "/x", ""), "Origin", "https://a.example", "Access-Control-Request-Method", "GET")
	if w := h.want(204, "", asks); w.Header().Get("Access-Control-Allow-Origin") != "https://a.example" || w.Header().Get("Access-Control-Allow-Methods") != "GET" {
		t.Errorf("the answer says %v", w.Header())
	}
	if rec := h.lastRecord(); rec.Outcome != audit.Allowed {
		t.Errorf("audited as %s", rec.Outcome)
	}
	h.want(403, forbidden, with2(request("OPTIONS", id, "/x", ""), "Origin", "https://a.example")) // no preflight: the route's own
	key := h.Key(h.User("u", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*"}}`), &platform.ExecuteAPI)
	for origin, want := range map[string]string{"https://a.example": "https://a.example", "https://b.example": ""} {
		if w := h.want(200, "x", h.Sign(with2(request("GET", id, "/x", ""), "Origin", origin), key)); w.Header().Get("Access-Control-Allow-Origin") != want {
			t.Errorf("%s is told %q", origin, w.Header().Get("Access-Control-Allow-Origin"))
		}
	}
}

func TestDisabledEndpoint(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.route(id, "GET /", h.function("f", hello))
	h.want(200, "hello", request("GET", id, "/", ""))
	do(h, api.OpUpdateApi, &api.UpdateApiRequest{ApiId: &id, DisableExecuteApiEndpoint: ptr(true)})
	h.want(404, notFoundBody, request("GET", id, "/", ""))
}

// What is not deployed is not served.
func TestDeployments(t *testing.T) {
	h := newHarness(t)
	a := do(h, api.OpCreateApi, &api.CreateApiRequest{Name: ptr("x"), ProtocolType: ptr("HTTP"), Tags: public})
	id := *a.ApiId
	do(h, api.OpCreateStage, &api.CreateStageRequest{ApiId: &id, StageName: ptr("prod")})
	h.route(id, "GET /", h.function("f", hello))
	h.want(404, notFoundBody, request("GET", id, "/prod", ""))
	first := do(h, api.OpCreateDeployment, &api.CreateDeploymentRequest{ApiId: &id, StageName: ptr("prod")})
	h.want(200, "hello", request("GET", id, "/prod", ""))
	h.want(200, "hello", request("GET", id, "/prod/", ""))
	h.route(id, "GET /later", h.function("f", hello))
	h.want(404, notFoundBody, request("GET", id, "/prod/later", ""))
	second := do(h, api.OpCreateDeployment, &api.CreateDeploymentRequest{ApiId: &id})
	do(h, api.OpUpdateStage, &api.UpdateStageRequest{ApiId: &id, StageName: ptr("prod"), DeploymentId: second.DeploymentId})
	h.want(200, "hello", request("GET", id, "/prod/later", ""))
	do(h, api.OpDeleteDeployment, &api.DeleteDeploymentRequest{ApiId: &id, DeploymentId: first.DeploymentId})
	if _, err := door.Do(t.Context(), h.Door, h.root, api.OpDeleteDeployment, &api.DeleteDeploymentRequest{ApiId: &id, DeploymentId: second.DeploymentId}); err == nil {
		t.Error("a deployment that a stage has was deleted")
	}
}
