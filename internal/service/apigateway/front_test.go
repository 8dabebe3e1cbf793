package apigateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigateway"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/guardrail"
)

const (
	missing      = `{"message":"Missing Authentication Token"}`
	unauthorized = `{"message":"Unauthorized"}`
	forbidden    = `{"message":"Forbidden"}`
	notYou       = `{"message":"User is not authorized to access this resource"}`
	anonymous    = `{"message":"User: anonymous is not authorized to perform: execute-api:Invoke on resource: `
)

func TestProxy(t *testing.T) {
	h := newHarness(t)
	f := h.function("f", echo)
	id, root := h.newAPI(public)
	pets := h.resource(id, root, "pets")
	pet := h.resource(id, pets, "{id}")
	any := h.resource(id, root, "{proxy+}")
	for _, m := range [][2]string{{root, "GET"}, {pets, "POST"}, {pet, "GET"}, {any, "ANY"}} {
		h.method(id, m[0], m[1])
		h.proxy(id, m[0], m[1], f)
	}
	h.want(403, forbidden, request("GET", id, "/prod/pets", ""))
	h.deploy(id)
	w := h.want(200, "", with2(request("POST", id, "/prod/pets?a=1&a=2&b=x%20y", "hello"), "X-One", "1", "X-One", "2"))
	if w.Header().Get("X-Amzn-Requestid") == "" {
		t.Error("no request id")
	}
	told := h.last().Event
	for path, want := range map[string]string{
		"resource": "/pets", "path": "/pets", "httpMethod": "POST", "queryStringParameters.a": "2", "queryStringParameters.b": "x y", "body": "hello",
		"headers.X-One": "2", "requestContext.path": "/prod/pets", "requestContext.stage": "prod", "requestContext.resourcePath": "/pets",
		"requestContext.resourceId": pets, "requestContext.apiId": id, "requestContext.identity.sourceIp": "192.0.2.1",
	} {
		if got := at(told, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if src := h.last().Source; src != "arn:aws:execute-api:us-east-1:123456789012:"+id+"/prod/POST/pets" {
		t.Errorf("invoked for %s", src)
	}
	h.want(200, "", request("GET", id, "/prod/pets/7%2F8", ""))
	if got := at(h.last().Event, "pathParameters.id"); got != "7%2F8" {
		t.Errorf("the variable is %s", got)
	}
	if src := h.last().Source; !strings.HasSuffix(src, "/prod/GET/pets/*") {
		t.Errorf("invoked for %s", src)
	}
	h.want(200, "", request("DELETE", id, "/prod/a/b/c", ""))
	if got := at(h.last().Event, "pathParameters.proxy"); got != "a/b/c" {
		t.Errorf("the variable is %s", got)
	}
	h.want(200, "", request("GET", id, "/prod", ""))
	h.want(200, "", request("GET", id, "/prod/", ""))
	byPath := request("GET", id, "", "")
	byPath.Host, byPath.URL.Path = "127.0.0.1", "/_aws/execute-api/"+id+"/prod/pets/1"
	h.want(200, "", byPath)
	before := h.invocations()
	h.want(403, missing, request("GET", id, "/prod/pets", ""))
	h.want(403, missing, request("PUT", id, "/prod/pets/1", ""))
	h.want(403, forbidden, request("GET", id, "/other/pets/1", ""))
	if h.invocations() != before {
		t.Error("a refused request reached the function")
	}
	if rec := h.lastRecord(); rec.Outcome == audit.Allowed {
		t.Errorf("audited as %+v", rec)
	}
	if h.send(request("GET", "nonesuch", "/prod/pets/1", "")).Code != http.StatusNotFound {
		t.Error("an API that is not there was served")
	}
}

func at(v any, path string) string {
	for _, part := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[part]
	}
	s, _ := v.(string)
	return s
}

// What is put after a deployment waits for the next.
func TestDeploymentsAreSnapshots(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(public)
	h.method(id, root, "GET")
	mock(h, id, root, "GET", "one")
	h.deploy(id)
	h.want(200, "one", request("GET", id, "/prod", ""))
	do(h, api.OpUpdateIntegrationResponse, &api.UpdateIntegrationResponseRequest{
		RestApiId: &id, ResourceId: &root, HttpMethod: ptr("GET"), StatusCode: ptr("200"),
		PatchOperations: []*api.PatchOperation{{Op: ptr("replace"), Path: ptr("/responseTemplates/text~1plain"), Value: ptr("two")}},
	})
	h.want(200, "one", request("GET", id, "/prod", ""))
	h.deploy(id)
	h.want(200, "two", request("GET", id, "/prod", ""))
	first := do(h, api.OpGetDeployments, &api.GetDeploymentsRequest{RestApiId: &id})
	if len(first.Items) != 2 {
		t.Fatalf("%d deployments", len(first.Items))
	}
	for _, d := range first.Items {
		do(h, api.OpUpdateStage, &api.UpdateStageRequest{RestApiId: &id, StageName: ptr("prod"),
			PatchOperations: []*api.PatchOperation{{Op: ptr("replace"), Path: ptr("/deploymentId"), Value: d.Id}}})
		h.want(200, "", request("GET", id, "/prod", ""))
	}
	do(h, api.OpDeleteStage, &api.DeleteStageRequest{RestApiId: &id, StageName: ptr("prod")})
	h.want(403, forbidden, request("GET", id, "/prod", ""))
	do(h, api.OpDeleteRestApi, &api.DeleteRestApiRequest{RestApiId: &id})
	if h.send(request("GET", id, "/prod", "")).Code != http.StatusNotFound {
		t.Error("a deleted API was served")
	}
}

// mock has a method answer with a text.
func mock(h *harness, id, resource, name, text string) {
	h.t.Helper()
	do(h, api.OpPutIntegration, &api.PutIntegrationRequest{RestApiId: &id, ResourceId: &resource, HttpMethod: &name, Type: ptr("MOCK"),
		RequestTemplates: map[string]string{"application/json": `{"statusCode": 200}`}})
	do(h, api.OpPutMethodResponse, &api.PutMethodResponseRequest{RestApiId: &id, ResourceId: &resource, HttpMethod: &name, StatusCode: ptr("200")})
	do(h, api.OpPutIntegrationResponse, &api.PutIntegrationResponseRequest{RestApiId: &id, ResourceId: &resource, HttpMethod: &name, StatusCode: ptr("200"),
		ResponseTemplates: map[string]string{"text/plain": text}})
}

func TestMappingTemplates(t *testing.T) {
	h := newHarness(t)
	f := h.function("f", func(c *call) (string, error) {
		if strings.Contains(c.Payload, "fail") {
			return "", errBroken
		}
		return `{"got":` + c.Payload + `}`, nil
	})
	id, root := h.newAPI(public)
	pet := h.resource(id, root, "{pet}")
	h.method(id, pet, "POST", func(in *api.PutMethodRequest) {
		in.RequestParameters = map[string]bool{"method.request.header.x-kind": false}
	})
	do(h, api.OpPutIntegration, &api.PutIntegrationRequest{RestApiId: &id, ResourceId: &pet, HttpMethod: ptr("POST"), Type: ptr("AWS"), IntegrationHttpMethod: ptr("POST"), Uri: invocationsOf(f),
		PassthroughBehavior: ptr("NEVER"),
		RequestTemplates:    map[string]string{"application/json": `{"pet":"$input.params('pet')","name":$input.json('$.name'),"stage":"$context.stage","v":"$stageVariables.color","kind":"$input.params('x-kind')"}`}})
	for code, more := range map[string]*api.PutIntegrationResponseRequest{
		"200": {ResponseTemplates: map[string]string{"application/json": `#set($context.responseOverride.header.x-made = "by template"){"name":$input.json('$.got.name')}`},
			ResponseParameters: map[string]string{"method.response.header.X-Stage": "context.stage", "method.response.header.X-Pet": "integration.response.body.got.pet"}},
		"418": {SelectionPattern: ptr(".*secret.*"), ResponseTemplates: map[string]string{"application/json": `{"sorry":true}`}},
	} {
		more.RestApiId, more.ResourceId, more.HttpMethod, more.StatusCode = &id, &pet, ptr("POST"), ptr(code)
		do(h, api.OpPutIntegrationResponse, more)
	}
	do(h, api.OpCreateDeployment, &api.CreateDeploymentRequest{RestApiId: &id, StageName: ptr("prod"), Variables: map[string]string{"color": "red"}})
	w := h.want(200, `{"name":"Rex"}`, with2(request("POST", id, "/prod/dog", `{"name":"Rex"}`), "X-Kind", "big", "Content-Type", "application/json; charset=utf-8"))
	if got := h.last().Payload; got != `{"pet":"dog","name":"Rex","stage":"prod","v":"red","kind":"big"}` {
		t.Errorf("the function got %s", got)
	}
	if hd := w.Header(); hd.Get("X-Stage") != "prod" || hd.Get("X-Pet") != "dog" || hd.Get("X-Made") != "by template" {
		t.Errorf("the header is %v", hd)
	}
	h.want(418, `{"sorry":true}`, request("POST", id, "/prod/dog", `{"name":"fail"}`))
	before := h.invocations()
	h.want(415, `{"message":"Unsupported Media Type"}`, with2(request("POST", id, "/prod/dog", `<x/>`), "Content-Type", "text/xml"))
	h.want(500, `{"message":"Internal server error"}`, request("POST", id, "/prod/dog", `{"name":`))
	// What a client names ends no string early: the payload would be another.
	h.want(400, "", with2(request("POST", id, "/prod/dog", `{"name":1}`), "X-Kind", `"`))
	if h.invocations() != before {
		t.Error("a refused request reached the function")
	}
}

func TestFunctionsThatFail(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(public)
	for name, answer := range map[string]func(*call) (string, error){
		"breaks":   func(*call) (string, error) { return "", errBroken },
		"nonsense": func(*call) (string, error) { return `"text"`, nil },
		"splits": func(*call) (string, error) {
			return `{"statusCode":200,"headers":{"x":"a\r\nSet-Cookie: b=c"},"body":""}`, nil
		},
		"denied": func(*call) (string, error) {
			return "", awsapi.Errorf("AccessDeniedException", "the account 999 may not")
		},
	} {
		r := h.resource(id, root, name)
		h.method(id, r, "GET")
		h.proxy(id, r, "GET", h.function(name, answer))
	}
	h.deploy(id)
	const failed = `{"message":"Internal server error"}`
	for name, code := range map[string]int{"breaks": 502, "nonsense": 502, "splits": 502, "denied": 500} {
		w := h.want(code, failed, request("GET", id, "/prod/"+name, ""))
		if w.Header().Get("Set-Cookie") != "" || w.Header().Get("X-Amzn-Errortype") != "InternalServerErrorException" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
}

func TestSignedMethods(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(nil)
	mine := h.resource(id, root, "mine")
	h.method(id, mine, "POST", func(in *api.PutMethodRequest) { in.AuthorizationType = ptr("AWS_IAM") })
	h.proxy(id, mine, "POST", h.function("f", echo))
	h.deploy(id)
	u := h.User("u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:*:*:`+id+`/prod/POST/mine"}]}`)
	other := h.User("o", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:*:*:`+id+`/prod/GET/*"}]}`)
	h.want(200, "", h.Sign(request("POST", id, "/prod/mine", "{}"), h.Key(u, &platform.ExecuteAPI)))
	if got := at(h.last().Event, "requestContext.identity.userArn"); got != u.ARN {
		t.Errorf("told that %s called", got)
	}
	before := h.invocations()
	h.want(403, "", h.Sign(request("POST", id, "/prod/mine", "{}"), h.Key(other, &platform.ExecuteAPI)))
	h.want(403, missing, request("POST", id, "/prod/mine", "{}"))
	tampered := h.Sign(request("POST", id, "/prod/mine", "{}"), h.Key(u, &platform.ExecuteAPI))
	tampered.Body = request("POST", id, "/prod/mine", "[]").Body
	h.want(403, "", tampered)
	if h.invocations() != before {
		t.Error("a refused request reached the function")
	}
}

func TestResourcePolicy(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(nil)
	limited := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/prod/GET/open","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}`
	do(h, api.OpUpdateRestApi, &api.UpdateRestApiRequest{RestApiId: &id, PatchOperations: []*api.PatchOperation{{Op: ptr("replace"), Path: ptr("/policy"), Value: &limited}}})
	f := h.function("f", echo)
	for _, name := range []string{"open", "closed"} {
		r := h.resource(id, root, name)
		h.method(id, r, "GET")
		h.proxy(id, r, "GET", f)
	}
	h.deploy(id)
	h.want(200, "", request("GET", id, "/prod/open", ""))
	w := h.send(request("GET", id, "/prod/closed", ""))
	if w.Code != 403 || !strings.HasPrefix(w.Body.String(), anonymous+"arn:aws:execute-api:us-east-1:********9012:"+id+"/prod/GET/closed") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	away := request("GET", id, "/prod/open", "")
	away.RemoteAddr = "203.0.113.9:1"
	h.want(403, "", away)
}

func (h *harness) authorizer(id, kind, source string, function *string) string {
	h.t.Helper()
	in := &api.CreateAuthorizerRequest{RestApiId: &id, Name: ptr(kind), Type: &kind, IdentitySource: &source, AuthorizerUri: function}
	if kind == kindCognito {
		in.ProviderARNs = []string{"arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_pool"}
	}
	return *do(h, api.OpCreateAuthorizer, in).Id
}

const verdict = `{"principalId":"u1","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"EFFECT","Resource":"RESOURCE"}]},"context":{"team":"blue","n":5}}`

func TestTokenAuthorizer(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(nil)
	asked := 0
	judge := h.function("judge", func(c *call) (string, error) {
		asked++
		token := at(c.Event, "authorizationToken")
		arn := at(c.Event, "methodArn")
		switch token {
		case "unauthorized":
			return `{"errorMessage":"Unauthorized"}`, errUnauthorized
		case "break":
			return "", errBroken
		case "odd":
			return `{"principalId":"x"}`, nil
		}
		effect := map[bool]string{true: "Allow", false: "Deny"}[token == "good" || token == "narrow"]
		if token == "narrow" {
			arn = strings.Replace(arn, "/a", "/nowhere", 1)
		} else {
			arn = arn[:strings.Index(arn, "/")] + "/*"
		}
		return strings.NewReplacer("EFFECT", effect, "RESOURCE", arn).Replace(verdict), nil
	})
	authorizer := h.authorizer(id, "TOKEN", "method.request.header.X-Token", invocationsOf(judge))
	f := h.function("f", echo)
	for _, name := range []string{"a", "b"} {
		r := h.resource(id, root, name)
		h.method(id, r, "GET", func(in *api.PutMethodRequest) { in.AuthorizationType, in.AuthorizerId = ptr("CUSTOM"), &authorizer })
		h.proxy(id, r, "GET", f)
	}
	h.deploy(id)
	h.want(200, "", with2(request("GET", id, "/prod/a", ""), "X-Token", "good"))
	told := h.last().Event["requestContext"].(map[string]any)["authorizer"].(map[string]any)
	if told["principalId"] != "u1" || told["team"] != "blue" {
		t.Errorf("told %v", told)
	}
	h.want(200, "", with2(request("GET", id, "/prod/b", ""), "X-Token", "good"))
	if asked != 1 {
		t.Errorf("the authorizer was asked %d times", asked)
	}
	for _, c := range []struct {
		token string
		code  int
		body  string
	}{
		{"", 401, unauthorized}, {"unauthorized", 401, unauthorized}, {"bad", 403, notYou}, {"narrow", 403, notYou},
		{"break", 500, `{"message":null}`}, {"odd", 500, `{"message":null}`},
	} {
		r := request("GET", id, "/prod/a", "")
		if c.token != "" {
			r.Header.Set("X-Token", c.token)
		}
		before := len(h.callsOf("f"))
		h.want(c.code, c.body, r)
		if len(h.callsOf("f")) != before {
			t.Errorf("%s reached the function", c.token)
		}
	}
	asked = 0
	do(h, api.OpFlushStageAuthorizersCache, &api.FlushStageAuthorizersCacheRequest{RestApiId: &id, StageName: ptr("prod")})
	h.want(200, "", with2(request("GET", id, "/prod/a", ""), "X-Token", "good"))
	if asked != 1 {
		t.Error("a flushed verdict was remembered")
	}
}

func (h *harness) callsOf(name string) (all []*call) {
	h.lambda.mu.Lock()
	defer h.lambda.mu.Unlock()
	for _, c := range h.lambda.calls {
		if c.Name == name {
			all = append(all, c)
		}
	}
	return all
}

func TestCognitoAuthorizer(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(nil)
	authorizer := h.authorizer(id, kindCognito, "method.request.header.Authorization", nil)
	f := h.function("f", echo)
	for name, scopes := range map[string][]string{"any": nil, "scoped": {"pets/read"}} {
		r := h.resource(id, root, name)
		h.method(id, r, "GET", func(in *api.PutMethodRequest) {
			in.AuthorizationType, in.AuthorizerId, in.AuthorizationScopes = ptr(kindCognito), &authorizer, scopes
		})
		h.proxy(id, r, "GET", f)
	}
	h.deploy(id)
	token := func(claims map[string]any) string { return h.issuer.Token(claims) }
	for _, c := range []struct {
		what, path, token string
		code              int
	}{
		{"an ID token", "/any", token(map[string]any{"token_use": "id"}), 200},
		{"with a scheme", "/any", "Bearer " + token(map[string]any{"token_use": "id"}), 200},
		{"an access token for an ID token", "/any", token(map[string]any{"token_use": "access"}), 401},
		{"a scope", "/scoped", token(map[string]any{"token_use": "access", "scope": "x pets/read"}), 200},
		{"another scope", "/scoped", token(map[string]any{"token_use": "access", "scope": "pets/readwrite"}), 403},
		{"an ID token with a scope", "/scoped", token(map[string]any{"token_use": "id", "scope": "pets/read"}), 401},
		{"expired", "/any", token(map[string]any{"token_use": "id", "exp": 1}), 401},
		{"another pool", "/any", token(map[string]any{"token_use": "id", "iss": issuerURL + "2"}), 401},
		{"garbage", "/any", "a.b.c", 401},
		{"nothing", "/any", "", 401},
	} {
		before := h.invocations()
		r := request("GET", id, "/prod"+c.path, "")
		if c.token != "" {
			r.Header.Set("Authorization", c.token)
		}
		h.want(c.code, "", r)
		if (h.invocations() > before) != (c.code == 200) {
			t.Errorf("%s: the function was reached, or was not", c.what)
		}
	}
	h.want(200, "", with2(request("GET", id, "/prod/any", ""), "Authorization", token(map[string]any{"token_use": "id", "email": "a@b"})))
	if got := at(h.last().Event, "requestContext.authorizer.claims.email"); got != "a@b" {
		t.Errorf("told %q", got)
	}
}

func TestValidation(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(public)
	do(h, api.OpCreateModel, &api.CreateModelRequest{RestApiId: &id, Name: ptr("Pet"), ContentType: ptr("application/json"),
		Schema: ptr(`{"type":"object","required":["name"],"properties":{"name":{"type":"string","minLength":1},"age":{"type":"integer","minimum":0}},"additionalProperties":false}`)})
	do(h, api.OpCreateModel, &api.CreateModelRequest{RestApiId: &id, Name: ptr("Pets"), ContentType: ptr("application/json"),
		Schema: ptr(`{"type":"array","items":{"$ref":"https://apigateway.amazonaws.com/restapis/` + id + `/models/Pet"}}`)})
	v := *do(h, api.OpCreateRequestValidator, &api.CreateRequestValidatorRequest{RestApiId: &id, Name: ptr("all"), ValidateRequestBody: ptr(true), ValidateRequestParameters: ptr(true)}).Id
	h.method(id, root, "POST", func(in *api.PutMethodRequest) {
		in.RequestValidatorId, in.RequestModels = &v, map[string]string{"application/json": "Pets"}
		in.RequestParameters = map[string]bool{"method.request.querystring.q": true, "method.request.header.X-H": true, "method.request.querystring.o": false}
	})
	h.proxy(id, root, "POST", h.function("f", echo))
	h.deploy(id)
	const invalid = `{"message":"Invalid request body"}`
	send := func(code int, want, query, body string) {
		h.t.Helper()
		h.want(code, want, with2(request("POST", id, "/prod"+query, body), "X-H", "1", "Content-Type", "application/json"))
	}
	send(200, "", "?q=1", `[{"name":"a","age":3}]`)
	for _, body := range []string{``, `{`, `{}`, `[{"name":""}]`, `[{"name":"a","age":1.5}]`, `[{"name":"a","x":1}]`, `[{"age":1}]`, `[{"name":"a"}]x`} {
		send(400, invalid, "?q=1", body)
	}
	send(400, `{"message":"Missing required request parameters: [q]"}`, "", `[]`)
	h.want(400, `{"message":"Missing required request parameters: [X-H, q]"}`, request("POST", id, "/prod", `[]`))
	for _, schema := range []string{`{"type":7}`, `{`, `{"$ref":"file:///etc/passwd"}`, `{"$ref":"http://169.254.169.254/"}`} {
		_, err := door.Do(context.Background(), h.Door, h.root, api.OpCreateModel, &api.CreateModelRequest{RestApiId: &id, Name: ptr("X"), ContentType: ptr("application/json"), Schema: &schema})
		if err == nil {
			t.Errorf("the schema %s was taken", schema)
		}
	}
}

func TestKeysAndPlans(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(public)
	h.method(id, root, "GET", func(in *api.PutMethodRequest) { in.ApiKeyRequired = ptr(true) })
	h.proxy(id, root, "GET", h.function("f", echo))
	h.deploy(id)
	k := do(h, api.OpCreateApiKey, &api.CreateApiKeyRequest{Name: ptr("k"), Enabled: ptr(true)})
	p := do(h, api.OpCreateUsagePlan, &api.CreateUsagePlanRequest{Name: ptr("p"), ApiStages: []*api.ApiStage{{ApiId: &id, Stage: ptr("prod")}}, Quota: &api.QuotaSettings{Limit: ptr(int64(2)), Period: ptr("DAY")}})
	call := func(key string) *http.Request {
		return with2(request("GET", id, "/prod", ""), "X-Api-Key", key)
	}
	h.want(403, forbidden, request("GET", id, "/prod", ""))
	h.want(403, forbidden, call(*k.Value)) // it is in no plan
	do(h, api.OpCreateUsagePlanKey, &api.CreateUsagePlanKeyRequest{UsagePlanId: p.Id, KeyId: k.Id, KeyType: ptr("API_KEY")})
	h.want(403, forbidden, call("x"+(*k.Value)[1:]))
	h.want(200, "", call(*k.Value))
	if got := at(h.last().Event, "requestContext.identity.apiKeyId"); got != *k.Id {
		t.Errorf("told of the key %s", got)
	}
	h.want(200, "", call(*k.Value))
	h.want(429, `{"message":"Limit Exceeded"}`, call(*k.Value))
	patch := func(path, value string) {
		do(h, api.OpUpdateUsagePlan, &api.UpdateUsagePlanRequest{UsagePlanId: p.Id, PatchOperations: []*api.PatchOperation{{Op: ptr("replace"), Path: &path, Value: &value}}})
	}
	patch("/quota/limit", "100")
	h.want(200, "", call(*k.Value))
	patch("/throttle/rateLimit", "0.0001")
	patch("/throttle/burstLimit", "1")
	h.want(200, "", call(*k.Value))
	h.want(429, `{"message":"Too Many Requests"}`, call(*k.Value))
	do(h, api.OpUpdateApiKey, &api.UpdateApiKeyRequest{ApiKey: k.Id, PatchOperations: []*api.PatchOperation{{Op: ptr("replace"), Path: ptr("/enabled"), Value: ptr("false")}}})
	h.want(403, forbidden, call(*k.Value))
	if shown := do(h, api.OpGetApiKey, &api.GetApiKeyRequest{ApiKey: k.Id}); shown.Value != nil {
		t.Error("a key's value was shown unasked")
	}
	do(h, api.OpDeleteApiKey, &api.DeleteApiKeyRequest{ApiKey: k.Id})
	const own = "a-value-that-the-caller-chose"
	do(h, api.OpCreateApiKey, &api.CreateApiKeyRequest{Name: ptr("own"), Value: ptr(own)})
	for e, err := range audit.Read(context.Background(), h.Dir, h.Keys, 0, false) {
		h.must(err)
		if text, _ := json.Marshal(e.Record); strings.Contains(string(text), own) || strings.Contains(string(text), *k.Value) {
			t.Errorf("the audit log has a key's value: %s", text)
		}
	}
}

func TestHTTPIntegrations(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(public)
	any := h.resource(id, root, "{proxy+}")
	one := h.resource(id, root, "one")
	h.method(id, any, "ANY")
	h.method(id, one, "POST")
	put := func(in *api.PutIntegrationRequest) { in.RestApiId = &id; do(h, api.OpPutIntegration, in) }
	put(&api.PutIntegrationRequest{ResourceId: &any, HttpMethod: ptr("ANY"), Type: ptr("HTTP_PROXY"), IntegrationHttpMethod: ptr("ANY"), Uri: ptr("https://backend.example/v1/{proxy}?fixed=1"),
		RequestParameters: map[string]string{"integration.request.path.proxy": "method.request.path.proxy", "integration.request.header.X-Stage": "context.stage"}})
	put(&api.PutIntegrationRequest{ResourceId: &one, HttpMethod: ptr("POST"), Type: ptr("HTTP"), IntegrationHttpMethod: ptr("PUT"), Uri: ptr("https://backend.example/items/{id}"),
		RequestParameters: map[string]string{"integration.request.path.id": "method.request.querystring.id"}, RequestTemplates: map[string]string{"application/json": `{"n":$input.json('$.n')}`}})
	for code, pattern := range map[string]*string{"200": nil, "404": ptr("4..")} {
		do(h, api.OpPutIntegrationResponse, &api.PutIntegrationResponseRequest{RestApiId: &id, ResourceId: &one, HttpMethod: ptr("POST"), StatusCode: &code, SelectionPattern: pattern,
			ResponseTemplates: map[string]string{"application/json": `{"was":$input.json('$.s')}`}, ResponseParameters: map[string]string{"method.response.header.X-Of": "integration.response.header.X-Of"}})
	}
	h.deploy(id)
	h.backends.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Of", "backend")
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
		if r.URL.Path == "/items/9" {
			w.WriteHeader(418)
		}
		_, _ = w.Write([]byte(`{"s":"` + r.Method + `"}`))
	}
	w := h.want(200, `{"s":"DELETE"}`, with2(request("DELETE", id, "/prod/a/b%2Fc?q=1", "x"), "Authorization", "secret", "X-Api-Key", "secret", "X-Forwarded-For", "1.1.1.1"))
	got := h.backends.got
	if got.URL.String() != "https://backend.example/v1/a/b%2Fc?fixed=1&q=1" || h.backends.body != "x" || got.Header.Get("X-Stage") != "prod" ||
		got.Header.Get("Authorization") != "" || got.Header.Get("X-Api-Key") != "" || got.Header.Get("X-Forwarded-For") != "" {
		t.Errorf("the backend got %s %v", got.URL, got.Header)
	}
	if w.Header().Get("X-Of") != "backend" || w.Header().Get("X-Hop") != "" {
		t.Errorf("the client got %v", w.Header())
	}
	w = h.want(200, `{"was":"PUT"}`, request("POST", id, "/prod/one?id=7", `{"n":1}`))
	if h.backends.got.URL.Path != "/items/7" || h.backends.body != `{"n":1}` || w.Header().Get("X-Of") != "backend" {
		t.Errorf("the backend got %s %s", h.backends.got.URL, h.backends.body)
	}
	h.want(404, `{"was":"PUT"}`, request("POST", id, "/prod/one?id=9", `{"n":1}`))
	for _, value := range []string{"..", "../x", "a/..", "..%2f", "..;a", `..\x`} {
		h.backends.got = nil
		r := request("POST", id, "/prod/one", `{}`)
		r.URL.RawQuery = "id=" + value
		h.send(r)
		if h.backends.got != nil {
			t.Errorf("%s reached %s", value, h.backends.got.URL)
		}
	}
	h.want(200, "", request("POST", id, "/prod/one?id=a/b%3Fc", `{}`))
	if u := h.backends.got.URL.String(); u != "https://backend.example/items/a%2Fb%3Fc" {
		t.Errorf("the backend got %s", u)
	}
	h.backends.answer = nil
	h.want(504, `{"message":"Network error communicating with endpoint"}`, request("GET", id, "/prod/x", ""))
	for _, uri := range []string{"ftp://x", "https://{host}/", "https://a@b/", "https://${stageVariables.x}{proxy}.example/", "//x", ""} {
		_, err := door.Do(context.Background(), h.Door, h.root, api.OpPutIntegration, &api.PutIntegrationRequest{RestApiId: &id, ResourceId: &any, HttpMethod: ptr("ANY"), Type: ptr("HTTP_PROXY"), IntegrationHttpMethod: ptr("GET"), Uri: &uri})
		if err == nil {
			t.Errorf("the URI %q was taken", uri)
		}
	}
}

func TestDomains(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(public)
	h.method(id, root, "GET")
	mock(h, id, root, "GET", "$context.domainName")
	h.deploy(id)
	for _, name := range []string{"node.example", "x.localhost", "UPPER.example", "a..b", "x.amazonaws.com"} {
		if _, err := door.Do(context.Background(), h.Door, h.root, api.OpCreateDomainName, &api.CreateDomainNameRequest{DomainName: &name}); err == nil {
			t.Errorf("the domain %s was taken", name)
		}
	}
	const name = "api.shop.example"
	do(h, api.OpCreateDomainName, &api.CreateDomainNameRequest{DomainName: ptr(name)})
	do(h, api.OpCreateBasePathMapping, &api.CreateBasePathMappingRequest{DomainName: ptr(name), BasePath: ptr("v1"), RestApiId: &id, Stage: ptr("prod")})
	to := func(path string) *http.Request {
		r := request("GET", id, path, "")
		r.Host = name
		return r
	}
	h.want(200, name, to("/v1"))
	h.want(403, missing, to("/v1/none"))
	if w := h.send(to("/v2")); w.Body.String() == name {
		t.Error("another base path was served")
	}
	do(h, api.OpUpdateBasePathMapping, &api.UpdateBasePathMappingRequest{DomainName: ptr(name), BasePath: ptr("v1"),
		PatchOperations: []*api.PatchOperation{{Op: ptr("replace"), Path: ptr("/basePath"), Value: ptr("")}}})
	h.want(200, name, to("/"))
	do(h, api.OpUpdateRestApi, &api.UpdateRestApiRequest{RestApiId: &id, PatchOperations: []*api.PatchOperation{{Op: ptr("replace"), Path: ptr("/disableExecuteApiEndpoint"), Value: ptr("true")}}})
	h.want(200, name, to("/"))
	h.want(403, forbidden, request("GET", id, "/prod", ""))
}

func TestGatewayResponses(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(public)
	h.method(id, root, "GET")
	mock(h, id, root, "GET", "x")
	do(h, api.OpPutGatewayResponse, &api.PutGatewayResponseRequest{RestApiId: &id, ResponseType: ptr("MISSING_AUTHENTICATION_TOKEN"), StatusCode: ptr("404"),
		ResponseTemplates:  map[string]string{"application/json": `{"why":$context.error.messageString,"type":"$context.error.responseType"}`},
		ResponseParameters: map[string]string{"gatewayresponse.header.Access-Control-Allow-Origin": "'*'", "gatewayresponse.header.X-Sent": "method.request.header.X-Sent"}})
	h.deploy(id)
	w := h.want(404, `{"why":"Missing Authentication Token","type":"MISSING_AUTHENTICATION_TOKEN"}`, with2(request("PUT", id, "/prod/none", ""), "X-Sent", "a"))
	if w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("X-Sent") != "a" || w.Header().Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
		t.Errorf("the header is %v", w.Header())
	}
}

// Paths that something behind might read as another lead nowhere.
func TestPathTricks(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(nil)
	limited := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/prod/GET/open/*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}`
	do(h, api.OpUpdateRestApi, &api.UpdateRestApiRequest{RestApiId: &id, PatchOperations: []*api.PatchOperation{{Op: ptr("replace"), Path: ptr("/policy"), Value: &limited}}})
	any := h.resource(id, root, "{proxy+}")
	h.method(id, any, "GET")
	h.proxy(id, any, "GET", h.function("f", echo))
	h.deploy(id)
	h.want(200, "", request("GET", id, "/prod/open/x", ""))
	before := h.invocations()
	for _, path := range []string{"/open/../admin", "/open/%2e%2e/admin", "/open/..%2fadmin", "/open/.;x/admin", "/open/..;/admin", "/open/..%5cadmin", "//open/x", "/OPEN/x", "/%6fpen%2fx", "/open/%00", "/open/%ff", "/open/%0d%0aX:y"} {
		r := request("GET", id, "/prod/x", "")
		u, err := r.URL.Parse("http://" + r.URL.Host + "/prod" + path)
		if err != nil {
			continue
		}
		u.RawPath = "/prod" + path
		r.URL = u
		if w := h.send(r); w.Code != 400 && w.Code != 403 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if h.invocations() != before {
		t.Error("a trick reached the function")
	}
	h.want(413, `{"message":"Request Too Long"}`, request("GET", id, "/prod/open/x", strings.Repeat("x", maxBody+1)))
}

func TestOpenMethodsAreRefused(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(nil)
	try := func() error {
		_, err := door.Do(context.Background(), h.Door, h.root, api.OpPutMethod, &api.PutMethodRequest{RestApiId: &id, ResourceId: &root, HttpMethod: ptr("GET"), AuthorizationType: ptr("NONE")})
		return err
	}
	if err := try(); err == nil || !strings.Contains(err.Error(), "CLO-GATE-001") {
		t.Errorf("an open method: %v", err)
	}
	arn := "arn:aws:apigateway:us-east-1::/restapis/" + id
	do(h, api.OpTagResource, &api.TagResourceRequest{ResourceArn: &arn, Tags: public})
	h.must(try())
	mock(h, id, root, "GET", "x")
	h.deploy(id)
	if _, err := door.Do(context.Background(), h.Door, h.root, api.OpUntagResource, &api.UntagResourceRequest{ResourceArn: &arn, TagKeys: []string{"cloister:public"}}); err == nil {
		t.Error("the tag was taken from an API with open methods")
	}
	do(h, api.OpUpdateMethod, &api.UpdateMethodRequest{RestApiId: &id, ResourceId: &root, HttpMethod: ptr("GET"),
		PatchOperations: []*api.PatchOperation{{Op: ptr("replace"), Path: ptr("/authorizationType"), Value: ptr("AWS_IAM")}}})
	if _, err := door.Do(context.Background(), h.Door, h.root, api.OpUntagResource, &api.UntagResourceRequest{ResourceArn: &arn, TagKeys: []string{"cloister:public"}}); err == nil {
		t.Error("the tag was taken from an API that serves an open method still")
	}
	h.deploy(id)
	do(h, api.OpUntagResource, &api.UntagResourceRequest{ResourceArn: &arn, TagKeys: []string{"cloister:public"}})
}

const swagger = `
swagger: "2.0"
info: {title: Pets, version: 1}
basePath: /v1
securityDefinitions:
  sigv4: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}
  api_key: {type: apiKey, name: x-api-key, in: header}
definitions:
  Pet: {type: object, required: [name], properties: {name: {type: string}}}
x-amazon-apigateway-request-validators:
  body: {validateRequestBody: true, validateRequestParameters: false}
paths:
  /pets/{id}:
    get:
      security: [{sigv4: []}]
      parameters: [{name: id, in: path, required: true, type: string}]
      responses: {"200": {description: ok, schema: {$ref: "#/definitions/Pet"}}}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode":200}'}
        responses: {default: {statusCode: "200", responseTemplates: {application/json: '{"id":"$input.params(''id'')"}'}}}
    post:
      security: [{sigv4: [], api_key: []}]
      x-amazon-apigateway-request-validator: body
      parameters: [{name: body, in: body, schema: {$ref: "#/definitions/Pet"}}]
      responses: {}
      x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:f/invocations"}
`

func TestImport(t *testing.T) {
	h := newHarness(t)
	a := do(h, api.OpImportRestApi, &api.ImportRestApiRequest{Body: []byte(swagger)})
	all := do(h, api.OpGetResources, &api.GetResourcesRequest{RestApiId: a.Id, Embed: []string{"methods"}})
	text, _ := json.Marshal(all.Items)
	if *a.Name != "Pets" || len(all.Items) != 3 || *all.Items[2].Path != "/pets/{id}" {
		t.Fatalf("%s", text)
	}
	get, post := all.Items[2].ResourceMethods["GET"], all.Items[2].ResourceMethods["POST"]
	if *get.AuthorizationType != kindIAM || *get.MethodIntegration.Type != "MOCK" || !get.RequestParameters["method.request.path.id"] ||
		!*post.ApiKeyRequired || post.RequestModels["application/json"] != "Pet" || post.RequestValidatorId == nil {
		t.Errorf("%s", text)
	}
	do(h, api.OpCreateDeployment, &api.CreateDeploymentRequest{RestApiId: a.Id, StageName: ptr("prod")})
	h.want(200, `{"id":"7"}`, h.Sign(request("GET", *a.Id, "/prod/pets/7", ""), h.Key(h.root, &platform.ExecuteAPI)))
	openapi := strings.NewReplacer(`swagger: "2.0"`, `openapi: 3.0.1`, "securityDefinitions:", "components: {securitySchemes: {sigv4: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}, api_key: {type: apiKey, name: x-api-key, in: header}}}\nx-old:").Replace(swagger)
	do(h, api.OpPutRestApi, &api.PutRestApiRequest{RestApiId: a.Id, Mode: ptr("overwrite"), Parameters: map[string]string{"basepath": "prepend"}, Body: []byte(openapi)})
	all = do(h, api.OpGetResources, &api.GetResourcesRequest{RestApiId: a.Id})
	if len(all.Items) != 4 || *all.Items[3].Path != "/v1/pets/{id}" {
		t.Errorf("%d resources", len(all.Items))
	}
	for what, body := range map[string]string{
		"nothing": "", "no version": `{"info":{"title":"x"}}`, "another version": `{"openapi":"3.1.0","info":{"title":"x"}}`, "a list": "[]", "no YAML": "\t{",
		"unknown security":          strings.Replace(swagger, "[{sigv4: []}]", "[{other: []}]", 1),
		"an open method":            strings.Replace(swagger, "[{sigv4: []}]", "[]", 1),
		"security that is not kept": strings.Replace(swagger, "x-amazon-apigateway-authtype: awsSigv4", "x-other: y", 1),
	} {
		if _, err := door.Do(context.Background(), h.Door, h.root, api.OpImportRestApi, &api.ImportRestApiRequest{Body: []byte(body)}); err == nil {
			t.Errorf("%s was imported", what)
		}
	}
}

func TestIdleAuthorizersAreFound(t *testing.T) {
	h := newHarness(t)
	id, root := h.newAPI(nil)
	authorizer := h.authorizer(id, "TOKEN", "method.request.header.X", invocationsOf(h.function("judge", echo)))
	if n := h.findings(guardrail.UnusedAuthorizer); n != 1 {
		t.Errorf("%d findings", n)
	}
	h.method(id, root, "GET", func(in *api.PutMethodRequest) { in.AuthorizationType, in.AuthorizerId = ptr("CUSTOM"), &authorizer })
	if n := h.findings(guardrail.UnusedAuthorizer); n != 0 {
		t.Errorf("%d findings of an authorizer that a method has", n)
	}
	if _, err := door.Do(context.Background(), h.Door, h.root, api.OpDeleteAuthorizer, &api.DeleteAuthorizerRequest{RestApiId: &id, AuthorizerId: &authorizer}); err == nil {
		t.Error("an authorizer that a method has was deleted")
	}
}
