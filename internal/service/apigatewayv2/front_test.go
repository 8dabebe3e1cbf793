package apigatewayv2

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cloister/internal/audit"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/awsapi/platform"
)

const (
	unauthorized = `{"message":"Unauthorized"}`
	forbidden    = `{"message":"Forbidden"}`
	notFoundBody = `{"message":"Not Found"}`
)

func hello(*call) (string, error) { return `{"statusCode":200,"body":"hello"}`, nil }

func TestOpenRoute(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.route(id, "GET /pets/{name}", h.function("f", hello))
	h.want(200, "hello", request("GET", id, "/pets/rex?a=1&a=2", ""))
	c := h.last()
	if c.Source != "arn:aws:execute-api:us-east-1:123456789012:"+id+"/$default/GET/pets/{name}" {
		t.Errorf("invoked for %s", c.Source)
	}
	if e := c.Event; e["rawPath"] != "/pets/rex" || e["rawQueryString"] != "a=1&a=2" || e["routeKey"] != "GET /pets/{name}" ||
		fmt.Sprint(e["pathParameters"]) != "map[name:rex]" || fmt.Sprint(e["queryStringParameters"]) != "map[a:1,2]" {
		t.Errorf("told %s", c.Payload)
	}
	if rec := h.lastRecord(); rec.Outcome != audit.Allowed || rec.Needs[0].Resource != "arn:aws:execute-api:us-east-1:123456789012:"+id+"/$default/GET/pets/rex" {
		t.Errorf("audited as %+v", rec)
	}
	h.want(404, notFoundBody, request("GET", id, "/pets", ""))
	h.want(404, notFoundBody, request("POST", id, "/pets/rex", ""))
	h.want(404, notFoundBody, request("GET", "nobody", "/pets/rex", ""))
	if rec := h.lastRecord(); rec.Outcome == audit.Allowed {
		t.Errorf("audited as %+v", rec)
	}
	h.want(404, notFoundBody, request("GET", id, "/_aws/execute-api/other/pets/rex", "")) // an API's own path, on its host
	if h.invocations() != 1 {
		t.Errorf("%d invocations", h.invocations())
	}
}

func TestByPath(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(public)
	h.route(id, "ANY /{proxy+}", h.function("f", hello))
	do(h, api.OpCreateStage, &api.CreateStageRequest{ApiId: &id, StageName: ptr("prod"), AutoDeploy: ptr(true), StageVariables: map[string]string{"v": "1"}})
	for path, want := range map[string]string{"/$default/a/b": "/a/b", "/%24default/a": "/a", "/prod/a": "/prod/a", "/a/b": "/a/b"} {
		r := request("GET", "127", "/_aws/execute-api/"+id+path, "")
		r.Host = "127.0.0.1:8443"
		h.want(200, "hello", r)
		if got := h.last().Event["rawPath"]; got != want {
			t.Errorf("%s is told as %v, want %s", path, got, want)
		}
	}
	h.want(200, "hello", request("GET", id, "/prod/x", ""))
	if e := h.last().Event; fmt.Sprint(e["stageVariables"]) != "map[v:1]" {
		t.Errorf("told %v", e)
	}
}

func TestSignedRoute(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(nil)
	h.route(id, "ANY /{proxy+}", h.function("f", echo), func(in *api.CreateRouteRequest) { in.AuthorizationType = ptr("AWS_IAM") })
	u := h.User("u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:us-east-1:*:`+id+`/$default/POST/mine/*"}]}`)
	key := h.Key(u, &platform.ExecuteAPI)
	h.want(200, "", h.Sign(request("POST", id, "/mine/1", "{}"), key))
	iam := h.last().Event["requestContext"].(map[string]any)["authorizer"].(map[string]any)["iam"].(map[string]any)
	if iam["userArn"] != u.ARN || iam["accessKey"] != key.ID {
		t.Errorf("told %v", iam)
	}
	if rec := h.lastRecord(); rec.Principal.ARN != u.ARN {
		t.Errorf("audited as %+v", rec.Principal)
	}
	before := h.invocations()
	h.want(403, forbidden, h.Sign(request("GET", id, "/mine/1", ""), key))
	h.want(403, forbidden, h.Sign(request("POST", id, "/others/1", "{}"), key))
	h.want(403, forbidden, request("POST", id, "/mine/1", "{}"))
	tampered := h.Sign(request("POST", id, "/mine/1", "{}"), key)
	tampered.Body = request("POST", id, "/mine/1", "[]").Body
	h.want(403, forbidden, tampered)
	h.want(403, forbidden, with2(request("POST", id, "/mine/1", "{}"), "Authorization", "Bearer "+h.issuer.Token(nil)))
	if h.invocations() != before {
		t.Error("a refused request reached the function")
	}
}

func TestTokenRoute(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(nil)
	authorizer := h.jwtAuthorizer(id, "client-a", "client-b")
	f := h.function("f", echo)
	h.route(id, "GET /any", f, func(in *api.CreateRouteRequest) { in.AuthorizationType, in.AuthorizerId = ptr("JWT"), authorizer })
	h.route(id, "GET /scoped", f, func(in *api.CreateRouteRequest) {
		in.AuthorizationType, in.AuthorizerId, in.AuthorizationScopes = ptr("JWT"), authorizer, []string{"read", "write"}
	})
	token := func(claims map[string]any) string {
		if _, ok := claims["aud"]; !ok {
			claims["aud"] = "client-b"
		}
		return h.issuer.Token(claims)
	}
	now := time.Now().Unix()
	for _, c := range []struct {
		what, path, token string
		status            int
		body              string
	}{
		{"good", "/any", "Bearer " + token(map[string]any{}), 200, ""},
		{"good without a scheme", "/any", token(map[string]any{}), 200, ""},
		{"for a client", "/any", token(map[string]any{"aud": nil, "client_id": "client-a"}), 200, ""},
		{"one of the scopes", "/scoped", token(map[string]any{"scope": "other read"}), 200, ""},
		{"scp", "/scoped", token(map[string]any{"scp": []string{"write"}}), 200, ""},
		{"no scope", "/scoped", token(map[string]any{}), 403, forbidden},
		{"another scope", "/scoped", token(map[string]any{"scope": "Read readwrite"}), 403, forbidden},
		{"another audience", "/any", token(map[string]any{"aud": "client-c"}), 401, unauthorized},
		{"another audience, our client", "/any", token(map[string]any{"aud": "client-c", "client_id": "client-a"}), 401, unauthorized},
		{"no audience", "/any", token(map[string]any{"aud": nil}), 401, unauthorized},
		{"expired", "/any", token(map[string]any{"exp": now - 1}), 401, unauthorized},
		{"never expires", "/any", token(map[string]any{"exp": nil}), 401, unauthorized},
		{"not yet", "/any", token(map[string]any{"nbf": now + 60}), 401, unauthorized},
		{"another issuer", "/any", token(map[string]any{"iss": "https://evil.example"}), 401, unauthorized},
		{"no token", "/any", "", 401, unauthorized},
		{"garbage", "/any", "Bearer x.y.z", 401, unauthorized},
		{"two tokens", "/any", token(map[string]any{}) + "," + token(map[string]any{}), 401, unauthorized},
		{"basic", "/any", "Basic " + token(map[string]any{}), 401, unauthorized},
	} {
		t.Run(c.what, func(t *testing.T) {
			h.t = t
			before := h.invocations()
			r := request("GET", id, c.path, "")
			if c.token != "" {
				r.Header.Set("Authorization", c.token)
			}
			w := h.want(c.status, c.body, r)
			if (h.invocations() > before) != (c.status == 200) {
				t.Error("the function was reached, or was not")
			}
			if challenged := w.Header().Get("Www-Authenticate") != ""; challenged != (c.status == 401) {
				t.Error("Www-Authenticate is wrong")
			}
			rec := h.lastRecord()
			if (rec.Outcome == audit.Allowed) != (c.status == 200) {
				t.Errorf("audited as %s", rec.Outcome)
			}
		})
	}
	h.t = t
	h.want(200, "", with2(request("GET", id, "/scoped", ""), "Authorization", token(map[string]any{"scope": "read x", "n": 5})))
	told := h.last().Event["requestContext"].(map[string]any)["authorizer"].(map[string]any)["jwt"].(map[string]any)
	if claims := told["claims"].(map[string]any); fmt.Sprint(told["scopes"]) != "[read]" || claims["n"] != "5" || claims["iss"] != issuerURL {
		t.Errorf("told %v", told)
	}
	if rec := h.lastRecord(); rec.Principal.Type != "WebIdentityUser" || rec.Principal.ARN != issuerURL || !strings.Contains(rec.Principal.ID, "octo") {
		t.Errorf("audited as %+v", rec.Principal)
	}
}
