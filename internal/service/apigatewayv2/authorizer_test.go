package apigatewayv2

import (
	"errors"
	"fmt"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
)

// guarded makes an API whose route a function authorises.
func (h *harness) guarded(answer func(*call) (string, error), edit func(*api.CreateAuthorizerRequest)) (id string, authorizer *string) {
	h.t.Helper()
	id = h.newAPI(nil)
	in := &api.CreateAuthorizerRequest{
		ApiId: &id, Name: ptr("a"), AuthorizerType: ptr("REQUEST"), AuthorizerUri: ptr(h.function("authorizer", answer)),
		AuthorizerPayloadFormatVersion: ptr("2.0"), EnableSimpleResponses: ptr(true), IdentitySource: []string{"$request.header.X-Who"},
	}
	edit(in)
	authorizer = do(h, api.OpCreateAuthorizer, in).AuthorizerId
	for _, key := range []string{"GET /a", "GET /b"} {
		h.route(id, key, h.function("f", echo), func(in *api.CreateRouteRequest) { in.AuthorizationType, in.AuthorizerId = ptr("CUSTOM"), authorizer })
	}
	return id, authorizer
}

func (h *harness) asked() (n int) {
	h.lambda.mu.Lock()
	defer h.lambda.mu.Unlock()
	for _, c := range h.lambda.calls {
		if c.Name == "authorizer" {
			n++
		}
	}
	return n
}

func who(name string, id, path string) func(h *harness, status int) {
	return func(h *harness, status int) {
		h.t.Helper()
		r := request("GET", id, path, "")
		if name != "" {
			r.Header.Set("X-Who", name)
		}
		h.want(status, map[int]string{401: unauthorized, 403: forbidden, 500: `{"message":"Internal Server Error"}`}[status], r)
	}
}

func TestSimpleAuthorizer(t *testing.T) {
	h := newHarness(t)
	id, _ := h.guarded(func(c *call) (string, error) {
		switch c.Event["headers"].(map[string]any)["x-who"] {
		case "friend":
			return `{"isAuthorized":true,"context":{"name":"friend","n":1}}`, nil
		case "broken":
			return "", errBroken
		case "odd":
			return `{"isAuthorized":"true"}`, nil
		}
		return `{"isAuthorized":false}`, nil
	}, func(*api.CreateAuthorizerRequest) {})
	who("friend", id, "/a")(h, 200)
	if told := h.last().Event["requestContext"].(map[string]any)["authorizer"]; fmt.Sprint(told) != "map[lambda:map[n:1 name:friend]]" {
		t.Errorf("told %v", told)
	}
	who("stranger", id, "/a")(h, 403)
	who("broken", id, "/a")(h, 500)
	who("odd", id, "/a")(h, 500)
	before := h.invocations()
	who("", id, "/a")(h, 401)
	if h.invocations() != before {
		t.Error("a caller without an identity reached a function")
	}
	for _, c := range h.lambda.calls {
		if c.Name == "authorizer" && c.Source != "arn:aws:execute-api:us-east-1:123456789012:"+id+"/authorizers/"+*do(h, api.OpGetAuthorizers, &api.GetAuthorizersRequest{ApiId: &id}).Items[0].AuthorizerId {
			t.Errorf("the authorizer was invoked for %s", c.Source)
		}
		if c.Name == "authorizer" && (c.Event["type"] != "REQUEST" || c.Event["routeArn"] != "arn:aws:execute-api:us-east-1:123456789012:"+id+"/$default/GET/a") {
			t.Errorf("the authorizer was told %s", c.Payload)
		}
	}
}

// What a function said is kept for whom it was about, for the time that was set,
// and no longer than the API is what it was.
func TestVerdictsAreKept(t *testing.T) {
	h := newHarness(t)
	allowed := true
	id, authorizer := h.guarded(func(c *call) (string, error) { return fmt.Sprintf(`{"isAuthorized":%v}`, allowed), nil },
		func(in *api.CreateAuthorizerRequest) { in.AuthorizerResultTtlInSeconds = ptr(int64(300)) })
	for range 3 {
		who("one", id, "/a")(h, 200)
	}
	if h.asked() != 1 {
		t.Errorf("asked %d times", h.asked())
	}
	allowed = false
	who("one", id, "/a")(h, 200)
	who("one", id, "/b")(h, 403) // yes was about another route
	who("two", id, "/a")(h, 403)
	do(h, api.OpResetAuthorizersCache, &api.ResetAuthorizersCacheRequest{ApiId: &id, StageName: ptr("$default")})
	who("one", id, "/a")(h, 403)
	allowed = true
	who("one", id, "/a")(h, 403)
	do(h, api.OpUpdateAuthorizer, &api.UpdateAuthorizerRequest{ApiId: &id, AuthorizerId: authorizer, AuthorizerResultTtlInSeconds: ptr(int64(0))})
	who("one", id, "/a")(h, 200)
	allowed = false
	who("one", id, "/a")(h, 403)
}

// A policy that a function answers is decided by the policy engine, for each
// request anew.
func TestPolicyAuthorizer(t *testing.T) {
	h := newHarness(t)
	statement := `{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*/GET/a"}`
	version := "2012-10-17"
	id, _ := h.guarded(func(c *call) (string, error) {
		return `{"principalId":"me","policyDocument":{"Version":"` + version + `","Statement":[` + statement + `]},"context":{"k":"v"}}`, nil
	}, func(in *api.CreateAuthorizerRequest) {
		in.EnableSimpleResponses, in.AuthorizerPayloadFormatVersion, in.AuthorizerResultTtlInSeconds = nil, ptr("1.0"), ptr(int64(300))
	})
	statement = `{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:*:*:` + id + `/*/GET/a"}`
	who("one", id, "/a")(h, 200)
	who("one", id, "/b")(h, 403)
	if h.asked() != 1 {
		t.Errorf("asked %d times", h.asked())
	}
	if rec := h.lastRecord(); rec.Principal.ID != "me" {
		t.Errorf("audited as %+v", rec.Principal)
	}
	for i, bad := range []string{
		`{"Effect":"Deny","Action":"*","Resource":"*"}`,
		`{"Effect":"Allow","Action":"lambda:*","Resource":"*"}`,
		`{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`,
	} {
		statement = bad
		who(fmt.Sprint("bad", i), id, "/a")(h, 403)
	}
	for i, bad := range []string{
		`{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"*"}`, `{"Effect":"Maybe"}`, `7`, `{"Effect":"Allow","Action":"execute-api:Invoke"}`,
	} {
		statement = bad
		who(fmt.Sprint("malformed", i), id, "/a")(h, 500)
	}
}

// Without a route an authoriser is found; with one it is not.
func TestGuardrails(t *testing.T) {
	h := newHarness(t)
	id := h.newAPI(nil)
	target := h.integration(id, h.function("f", hello))
	refused := func(err error) {
		t.Helper()
		var wire *awsapi.Error
		if !errors.As(err, &wire) || wire.Code != "GuardrailViolation" {
			t.Errorf("answered %v", err)
		}
	}
	_, err := door.Do(t.Context(), h.Door, h.root, api.OpCreateRoute, &api.CreateRouteRequest{ApiId: &id, RouteKey: ptr("GET /"), Target: target})
	refused(err)
	_, err = door.Do(t.Context(), h.Door, h.root, api.OpCreateApi, &api.CreateApiRequest{Name: ptr("q"), ProtocolType: ptr("HTTP"), Target: ptr(h.function("f", hello))})
	refused(err)
	route := do(h, api.OpCreateRoute, &api.CreateRouteRequest{ApiId: &id, RouteKey: ptr("GET /"), Target: target, AuthorizationType: ptr("AWS_IAM")})
	_, err = door.Do(t.Context(), h.Door, h.root, api.OpUpdateRoute, &api.UpdateRouteRequest{ApiId: &id, RouteId: route.RouteId, AuthorizationType: ptr("NONE")})
	refused(err)
	h.want(403, forbidden, request("GET", id, "/", ""))
	if found := h.findings("CLO-GATE-001"); found != 0 {
		t.Errorf("%d findings of what was refused", found)
	}
	arn := "arn:aws:apigateway:us-east-1::/apis/" + id
	do(h, api.OpTagResource, &api.TagResourceRequest{ResourceArn: &arn, Tags: public})
	do(h, api.OpUpdateRoute, &api.UpdateRouteRequest{ApiId: &id, RouteId: route.RouteId, AuthorizationType: ptr("NONE")})
	h.want(200, "hello", request("GET", id, "/", ""))
	if found := h.findings("CLO-GATE-001"); found != 1 {
		t.Errorf("%d routes are listed as public", found)
	}
	_, err = door.Do(t.Context(), h.Door, h.root, api.OpUntagResource, &api.UntagResourceRequest{ResourceArn: &arn, TagKeys: []string{"cloister:public"}})
	refused(err)
	authorizer := h.jwtAuthorizer(id, "x")
	if found := h.findings("CLO-GATE-002"); found != 1 {
		t.Errorf("%d idle authorizers", found)
	}
	do(h, api.OpUpdateRoute, &api.UpdateRouteRequest{ApiId: &id, RouteId: route.RouteId, AuthorizationType: ptr("JWT"), AuthorizerId: authorizer})
	if a, b := h.findings("CLO-GATE-001"), h.findings("CLO-GATE-002"); a != 0 || b != 0 {
		t.Errorf("%d and %d findings of what is well", a, b)
	}
	do(h, api.OpUntagResource, &api.UntagResourceRequest{ResourceArn: &arn, TagKeys: []string{"cloister:public"}})
	// what was deployed while it was open is not served again
	do(h, api.OpTagResource, &api.TagResourceRequest{ResourceArn: &arn, Tags: public})
	do(h, api.OpUpdateRoute, &api.UpdateRouteRequest{ApiId: &id, RouteId: route.RouteId, AuthorizationType: ptr("NONE")})
	d := do(h, api.OpCreateDeployment, &api.CreateDeploymentRequest{ApiId: &id})
	do(h, api.OpUpdateRoute, &api.UpdateRouteRequest{ApiId: &id, RouteId: route.RouteId, AuthorizationType: ptr("AWS_IAM")})
	do(h, api.OpUntagResource, &api.UntagResourceRequest{ResourceArn: &arn, TagKeys: []string{"cloister:public"}})
	_, err = door.Do(t.Context(), h.Door, h.root, api.OpCreateStage, &api.CreateStageRequest{ApiId: &id, StageName: ptr("old"), DeploymentId: d.DeploymentId})
	refused(err)
}

// Quick create makes an API that answers at once.
func TestQuickCreate(t *testing.T) {
	h := newHarness(t)
	a := do(h, api.OpCreateApi, &api.CreateApiRequest{Name: ptr("q"), ProtocolType: ptr("HTTP"), Target: ptr(h.function("f", hello)), Tags: public})
	h.want(200, "hello", request("GET", *a.ApiId, "/any/path", ""))
	if c := h.last(); c.Source != "arn:aws:execute-api:us-east-1:123456789012:"+*a.ApiId+"/$default/$default" || c.Event["version"] != "2.0" {
		t.Errorf("invoked for %s with %s", c.Source, c.Payload)
	}
	do(h, api.OpUpdateApi, &api.UpdateApiRequest{ApiId: a.ApiId, Target: ptr(h.function("g", echo)), RouteKey: ptr("GET /only")})
	h.want(404, notFoundBody, request("GET", *a.ApiId, "/any/path", ""))
	h.want(200, "", request("GET", *a.ApiId, "/only", ""))
}
