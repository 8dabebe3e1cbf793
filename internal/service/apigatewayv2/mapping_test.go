package apigatewayv2

import (
	"fmt"
	"net/http"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	logsapi "cloister/internal/awsapi/logs"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (h *harness) httpRoute(id, key, uri string, edit func(*api.CreateIntegrationRequest)) {
	h.t.Helper()
	in := &api.CreateIntegrationRequest{ApiId: &id, IntegrationType: ptr("HTTP_PROXY"), IntegrationMethod: ptr("ANY"), IntegrationUri: &uri}
	edit(in)
	i := do(h, api.OpCreateIntegration, in)
	do(h, api.OpCreateRoute, &api.CreateRouteRequest{ApiId: &id, RouteKey: &key, Target: ptr("integrations/" + *i.IntegrationId)})
}

func TestHTTPIntegration(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.httpRoute(id, "ANY /items/{id}", "https://backend.example/v1/{id}?fixed=1", func(*api.CreateIntegrationRequest) {})
	h.backends.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Keep-Alive", "timeout=5")
		w.Header().Set("X-Backend", "1")
		w.WriteHeader(201)
		_, _ = w.Write([]byte("made"))
	}
	w := h.want(201, "made", with2(request("PUT", id, "/items/x?q=1", "body"), "X-Mine", "1", "X-Forwarded-For", "6.6.6.6"))
	if w.Header().Get("X-Backend") != "1" || w.Header().Get("Keep-Alive") != "" {
		t.Errorf("the answer says %v", w.Header())
	}
	got := h.backends.got
	if got.Method != "PUT" || h.backends.body != "body" || got.Header.Get("X-Mine") != "1" || got.Header.Get("X-Forwarded-For") != "192.0.2.1" || got.Header.Get("Forwarded") == "" {
		t.Errorf("the backend got %s with %v", got.Method, got.Header)
	}
}

func TestBackendURLs(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.httpRoute(id, "ANY /items/{id}", "https://backend.example/v1/{id}?fixed=1", func(*api.CreateIntegrationRequest) {})
	h.httpRoute(id, "ANY /files/{path+}", "http://backend.example:8080/{path}", func(in *api.CreateIntegrationRequest) { in.IntegrationMethod = ptr("POST") })
	h.backends.answer = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(201) }
	for path, want := range map[string]string{
		"/items/7":            "GET https://backend.example/v1/7?fixed=1",
		"/items/a%20b?q=1":    "GET https://backend.example/v1/a%20b?fixed=1&q=1",
		"/items/a%2Fb":        "GET https://backend.example/v1/a%2Fb?fixed=1",
		"/items/a%3Fb%23":     "GET https://backend.example/v1/a%3Fb%23?fixed=1",
		"/items/@evil":        "GET https://backend.example/v1/@evil?fixed=1",
		"/files/a/b%20c":      "POST http://backend.example:8080/a/b%20c",
		"/files/http:%2F%2Fx": "POST http://backend.example:8080/http:%2F%2Fx",
	} {
		r := request("GET", id, "/", "")
		if err := setPath(r, path); err != nil {
			t.Fatal(err)
		}
		h.want(201, "", r)
		if got := h.backends.got; got.Method+" "+got.URL.String() != want {
			t.Errorf("%s reached %s %s, want %s", path, got.Method, got.URL, want)
		}
	}
	h.backends.answer = nil // the dialer refuses
	h.want(500, `{"message":"Internal Server Error"}`, request("GET", id, "/items/7", ""))
	h.backends.answer = func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, maxBody+1)) }
	h.want(502, "", request("GET", id, "/items/7", ""))
	h.backends.answer = func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, maxBody)) }
	h.want(200, "", request("GET", id, "/items/7", ""))
	if left := h.service.answers.Load(); left != 0 {
		t.Errorf("%d bytes of answers are still counted", left)
	}
	h.service.answers.Store(mostAnswers)
	h.want(503, "", request("GET", id, "/items/7", ""))
	h.service.answers.Add(-mostAnswers)
}

func TestParameterMapping(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.httpRoute(id, "POST /in/{v}", "https://backend.example/", func(in *api.CreateIntegrationRequest) {
		in.RequestParameters = map[string]string{
			"append:header.X-Q": "$request.querystring.q", "overwrite:header.X-Fixed": "a-${stageVariables.v}-${request.path.v}", "remove:header.X-Gone": "''",
			"overwrite:path": "/other/$request.path.v", "append:querystring.id": "$context.requestId", "remove:querystring.q": "''", "overwrite:querystring.b": "$request.body.deep.name",
		}
		in.ResponseParameters = map[string]map[string]string{
			"200": {"overwrite:statuscode": "202", "append:header.X-New": "$response.body.name", "remove:header.X-Old": "''"},
			"404": {"overwrite:statuscode": "$response.header.X-Status"},
		}
	})
	do(h, api.OpUpdateStage, &api.UpdateStageRequest{ApiId: &id, StageName: ptr("$default"), StageVariables: map[string]string{"v": "stage"}})
	status := 200
	h.backends.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Old", "1")
		w.Header().Set("X-Status", "99")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"name":"n1"}`))
	}
	w := h.want(202, `{"name":"n1"}`, with2(request("POST", id, "/in/x?q=1&q=2", `{"deep":{"name":"found"}}`), "X-Gone", "1", "X-Fixed", "mine"))
	if w.Header().Get("X-New") != "n1" || w.Header().Get("X-Old") != "" {
		t.Errorf("the answer says %v", w.Header())
	}
	got := h.backends.got
	if q := got.URL.Query(); got.Header.Get("X-Q") != "1,2" || got.Header.Get("X-Fixed") != "a-stage-x" || got.Header.Get("X-Gone") != "" ||
		q.Get("q") != "" || q.Get("b") != "found" || len(q.Get("id")) != 36 || got.URL.Path != "/other/$request.path.v" {
		t.Errorf("reached %s with %v", got.URL, got.Header)
	}
	status = 404
	h.want(502, "", request("POST", id, "/in/x", "")) // a status that is none
}

// A value that a client chose ends no header.
func TestMappedInjection(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.httpRoute(id, "POST /", "https://backend.example/", func(in *api.CreateIntegrationRequest) {
		in.RequestParameters = map[string]string{"overwrite:header.X-B": "$request.body.v"}
	})
	h.backends.answer = func(w http.ResponseWriter, r *http.Request) {}
	h.want(400, "", request("POST", id, "/", `{"v":"a\r\nX-Evil: b"}`))
	h.want(200, "", request("POST", id, "/", `{"v":"a"}`))
	for _, key := range []string{"overwrite:header.Host", "overwrite:header.X-Amzn-Trace-Id", "append:header.X-Forwarded-For", "overwrite:header.a b", "overwrite:statuscode", "replace:header.x", "append:path", "overwrite:header.Content-Length"} {
		_, err := door.Do(t.Context(), h.Door, h.root, api.OpCreateIntegration, &api.CreateIntegrationRequest{
			ApiId: &id, IntegrationType: ptr("HTTP_PROXY"), IntegrationMethod: ptr("ANY"), IntegrationUri: ptr("https://x.example"), RequestParameters: map[string]string{key: "x"},
		})
		if err == nil {
			t.Errorf("%s is taken", key)
		}
	}
}

func TestAccessLog(t *testing.T) {
	h := newHarness(t)
	var lines []string
	has := false
	door.Act(h.Door, logsapi.OpCreateLogStream, deliveryAuth[logsapi.CreateLogStreamRequest](), func(*door.Call, *logsapi.CreateLogStreamRequest) (*awsapi.None, error) {
		has = true
		return &awsapi.None{}, nil
	})
	door.Act(h.Door, logsapi.OpPutLogEvents, deliveryAuth[logsapi.PutLogEventsRequest](), func(c *door.Call, in *logsapi.PutLogEventsRequest) (*logsapi.PutLogEventsResponse, error) {
		if !has {
			return nil, awsapi.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
		}
		if c.Principal.Service != "delivery.logs.amazonaws.com" || c.Principal.SourceAccount != "123456789012" || *in.LogGroupName != "/apis/x" {
			t.Errorf("written by %+v to %s", c.Principal, *in.LogGroupName)
		}
		for _, e := range in.LogEvents {
			lines = append(lines, *e.Message)
		}
		return &logsapi.PutLogEventsResponse{}, nil
	})
	id := h.newAPI(public)
	h.route(id, "GET /{x}", h.function("f", hello))
	do(h, api.OpUpdateStage, &api.UpdateStageRequest{ApiId: &id, StageName: ptr("$default"), AccessLogSettings: &api.AccessLogSettings{
		DestinationArn: ptr("arn:aws:logs:us-east-1:123456789012:log-group:/apis/x"),
		Format:         ptr(`{"r":"$context.routeKey","m":"$context.httpMethod","s":"$context.status","n":"$context.responseLength","e":"$context.error.message","ip":"$context.identity.sourceIp","id":"$context.requestId"}`),
	}})
	first := h.want(200, "hello", request("GET", id, "/a", "")).Header().Get("Apigw-Requestid")
	h.want(404, notFoundBody, request("POST", id, "/a", ""))
	h.service.writeAccess(t.Context())
	want := `[{"r":"GET /{x}","m":"GET","s":"200","n":"5","e":"-","ip":"192.0.2.1","id":"` + first + `"}]`
	if len(lines) != 2 || fmt.Sprint(lines[:1]) != want {
		t.Errorf("the log has %v, want %s", lines, want)
	}
}

func deliveryAuth[In any]() door.Auth[In] {
	return door.Permission(func(c *door.Call, _ store.Reader, _ *In) ([]door.Need, error) {
		p, err := resourcePolicy("delivery", []any{map[string]any{"Effect": "Allow", "Principal": map[string]string{"Service": "delivery.logs.amazonaws.com"}, "Action": "logs:*", "Resource": "*"}})
		return []door.Need{{Action: "logs:PutLogEvents", Resource: "arn:aws:logs:us-east-1:123456789012:log-group:x", ResourcePolicy: p}}, err
	})
}
