package apigatewayv2

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"cloister/internal/audit"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/door/doortest"
)

// socketAPI makes a WebSocket API with routes to functions of their names, and a
// server.
func (h *harness) socketAPI(auth string, tags map[string]string) (id, url string) {
	h.t.Helper()
	a := do(h, api.OpCreateApi, &api.CreateApiRequest{Name: ptr("ws"), ProtocolType: ptr("WEBSOCKET"), RouteSelectionExpression: ptr("$request.body.action"), Tags: tags})
	for _, key := range []string{"$connect", "$disconnect", "$default", "named"} {
		arn := h.function(strings.TrimPrefix(key, "$"), hello)
		i := do(h, api.OpCreateIntegration, &api.CreateIntegrationRequest{ApiId: a.ApiId, IntegrationType: ptr("AWS_PROXY"), IntegrationUri: &arn})
		in := &api.CreateRouteRequest{ApiId: a.ApiId, RouteKey: ptr(key), Target: ptr("integrations/" + *i.IntegrationId)}
		if key == "$connect" {
			in.AuthorizationType = &auth
		}
		do(h, api.OpCreateRoute, in)
	}
	do(h, api.OpCreateStage, &api.CreateStageRequest{ApiId: a.ApiId, StageName: ptr("prod")})
	do(h, api.OpCreateDeployment, &api.CreateDeploymentRequest{ApiId: a.ApiId, StageName: ptr("prod")})
	server := httptest.NewServer(h.gate)
	h.t.Cleanup(server.Close)
	h.t.Cleanup(h.service.sockets.close)
	return *a.ApiId, server.URL + "/_aws/execute-api/" + *a.ApiId + "/prod"
}

func (h *harness) dial(url string, key *doortest.Key) (*websocket.Conn, int) {
	h.t.Helper()
	header := http.Header{}
	if key != nil {
		r, err := http.NewRequest("GET", url, strings.NewReader(""))
		h.must(err)
		header = h.Sign(r, *key).Header
	}
	conn, answer, err := websocket.Dial(h.t.Context(), url, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		if answer == nil {
			h.t.Fatal(err)
		}
		return nil, answer.StatusCode
	}
	return conn, answer.StatusCode
}

// until waits for something that happens on another goroutine.
func (h *harness) until(what string, holds func() bool) {
	h.t.Helper()
	for range 2000 {
		if holds() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.t.Fatalf("never: %s", what)
}

func (h *harness) say(c *websocket.Conn, text string) {
	h.t.Helper()
	h.must(c.Write(h.t.Context(), websocket.MessageText, []byte(text)))
}

func (h *harness) hear(c *websocket.Conn) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	_, text, err := c.Read(ctx)
	h.must(err)
	return string(text)
}

func (h *harness) manage(method, url, body string, key *doortest.Key) (int, string) {
	h.t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	h.must(err)
	if key != nil {
		h.Sign(r, *key)
	}
	answer, err := http.DefaultClient.Do(r)
	h.must(err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	h.must(err)
	return answer.StatusCode, string(text)
}

func TestWebSocket(t *testing.T) {
	h := newHarness(t)
	id, url := h.socketAPI("AWS_IAM", nil)
	user := h.User("u", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:*:*:`+id+`/prod/$connect"}}`)
	key := h.Key(user, &platform.ExecuteAPI)
	if _, status := h.dial(url, nil); status != 403 {
		t.Errorf("unsigned: %d", status)
	}
	other := h.Key(h.User("other"), &platform.ExecuteAPI)
	if _, status := h.dial(url, &other); status != 403 {
		t.Errorf("not permitted: %d", status)
	}
	if n := h.invocations(); n != 0 {
		t.Errorf("%d invocations by those who may not", n)
	}
	conn, status := h.dial(url, &key)
	if status != 101 {
		t.Fatalf("status %d", status)
	}
	connected := h.last()
	context := connected.Event["requestContext"].(map[string]any)
	connection := context["connectionId"].(string)
	if connected.Name != "connect" || context["eventType"] != "CONNECT" || context["identity"].(map[string]any)["userArn"] != user.ARN ||
		connected.Source != "arn:aws:execute-api:us-east-1:123456789012:"+id+"/prod/$connect" {
		t.Errorf("told %s for %s", connected.Payload, connected.Source)
	}
	for text, want := range map[string]string{`{"action":"named","x":1}`: "named", `{"action":"unknown"}`: "default", `no JSON`: "default", `{"action":"$connect"}`: "default"} {
		before := h.invocations()
		h.say(conn, text)
		h.until("a message arrives", func() bool { return h.invocations() > before })
		if c := h.last(); c.Name != want || c.Event["body"] != text || c.Event["requestContext"].(map[string]any)["eventType"] != "MESSAGE" {
			t.Errorf("%s went to %s as %s", text, c.Name, c.Payload)
		}
	}
	// what goes wrong is told without its reason
	h.function("named", func(*call) (string, error) { return "", errBroken })
	h.say(conn, `{"action":"named"}`)
	var told map[string]string
	if err := json.Unmarshal([]byte(h.hear(conn)), &told); err != nil || told["message"] != "Internal Server Error" || told["connectionId"] != connection || len(told) != 3 {
		t.Errorf("told %v", told)
	}

	// the other side of it: who may, manages connections
	manager := h.Key(h.User("m", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"execute-api:ManageConnections","Resource":"arn:aws:execute-api:*:*:`+id+`/prod/*/@connections/*"}}`), &platform.ExecuteAPI)
	at := url + "/@connections/" + connection
	if status, _ := h.manage("POST", at, "to you", nil); status != 403 {
		t.Errorf("unsigned: %d", status)
	}
	if status, _ := h.manage("POST", at, "to you", &key); status != 403 {
		t.Errorf("who may only connect: %d", status)
	}
	if status, _ := h.manage("POST", at, "to you", &manager); status != 200 || h.hear(conn) != "to you" {
		t.Errorf("sent with %d", status)
	}
	if status, body := h.manage("GET", at, "", &manager); status != 200 || !strings.Contains(body, `"connectedAt"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := h.manage("POST", url+"/@connections/nobody", "x", &manager); status != 410 {
		t.Errorf("to nobody: %d", status)
	}
	if status, _ := h.manage("POST", at, strings.Repeat("x", mostMessage+1), &manager); status != 413 {
		t.Errorf("a large message: %d", status)
	}

	// a permission that is taken away ends what the connection may do
	h.Users.Set(user, noPolicies())
	h.say(conn, `{"action":"named"}`)
	if text := h.hear(conn); !strings.Contains(text, `"message":"Forbidden"`) {
		t.Errorf("told %s", text)
	}
	if rec := h.lastRecord(); rec.Outcome != audit.Denied || rec.Principal.ARN != user.ARN {
		t.Errorf("audited as %s of %s", rec.Outcome, rec.Principal.ARN)
	}
	if status, _ := h.manage("DELETE", at, "", &manager); status != 204 {
		t.Errorf("closed with %d", status)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("closed with %v", err)
	}
	h.until("it is gone", func() bool { return h.service.sockets.get(connection, id, "prod") == nil })
}

func TestWebSocketDisconnect(t *testing.T) {
	h := newHarness(t)
	_, url := h.socketAPI("NONE", public)
	conn, status := h.dial(url, nil)
	if status != 101 {
		t.Fatalf("status %d", status)
	}
	h.must(conn.Close(websocket.StatusNormalClosure, "bye"))
	h.until("the route hears of it", func() bool { c := h.last(); return c != nil && c.Name == "disconnect" })
	if c := h.last().Event["requestContext"].(map[string]any); c["disconnectStatusCode"] != 1000.0 || c["disconnectReason"] != "bye" {
		t.Errorf("told %v", c)
	}
	h.function("connect", func(*call) (string, error) { return `{"statusCode":401}`, nil })
	if _, status := h.dial(url, nil); status != 401 {
		t.Errorf("a refusal of the function is %d", status)
	}
	h.function("connect", func(*call) (string, error) { return "", errBroken })
	if _, status := h.dial(url, nil); status != 502 {
		t.Errorf("a failure of the function is %d", status)
	}
	for path, want := range map[string]int{"": 426, "/more": 404, "/@connections": 404} {
		if status, _ := h.manage("GET", url+path, "", nil); status != want {
			t.Errorf("%q: %d, want %d", path, status, want)
		}
	}
	h.function("connect", hello)
	conn, _ = h.dial(url, nil)
	h.must(conn.Write(t.Context(), websocket.MessageBinary, []byte{1}))
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusUnsupportedData {
		t.Errorf("closed with %v", err)
	}
	conn, _ = h.dial(url, nil)
	_ = conn.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", mostMessage+1)))
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("closed with %v", err)
	}
}

// Without authorisation an API says that it is public; and what WebSocket APIs do
// not have is refused.
func TestWebSocketControl(t *testing.T) {
	h := newHarness(t)
	a := do(h, api.OpCreateApi, &api.CreateApiRequest{Name: ptr("ws"), ProtocolType: ptr("WEBSOCKET"), RouteSelectionExpression: ptr("${request.body.a.b}")})
	if *a.ApiEndpoint != "wss://"+*a.ApiId+".execute-api.localhost" {
		t.Errorf("at %s", *a.ApiEndpoint)
	}
	for what, in := range map[string]*api.CreateRouteRequest{
		"an open $connect": {RouteKey: ptr("$connect")}, "a JWT": {RouteKey: ptr("$connect"), AuthorizationType: ptr("JWT")},
		"authorization of a message": {RouteKey: ptr("x"), AuthorizationType: ptr("AWS_IAM")}, "spaces": {RouteKey: ptr("a b")}, "another $": {RouteKey: ptr("$other")},
	} {
		in.ApiId = a.ApiId
		if _, err := door.Do(t.Context(), h.Door, h.root, api.OpCreateRoute, in); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	do(h, api.OpCreateRoute, &api.CreateRouteRequest{ApiId: a.ApiId, RouteKey: ptr("x")})
	for _, expression := range []*string{nil, ptr("$request.method"), ptr("$request.body"), ptr("$request.body.a[0]")} {
		if _, err := door.Do(t.Context(), h.Door, h.root, api.OpCreateApi, &api.CreateApiRequest{Name: ptr("ws"), ProtocolType: ptr("WEBSOCKET"), RouteSelectionExpression: expression}); err == nil {
			t.Errorf("%q selects a route", val(expression))
		}
	}
	if got := fmt.Sprint(selectRoute("${request.body.a.b}", `{"a":{"b":"x"}}`), selectRoute("$request.body.a", `{"a":"y"}`), selectRoute("$request.body.a", `[]`)); got != "xy" {
		t.Errorf("selected %q", got)
	}
}
