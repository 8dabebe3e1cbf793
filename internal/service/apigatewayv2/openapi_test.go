package apigatewayv2

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/store"
)

const shopDocument = `
openapi: 3.0.1
info: {title: shop, version: "2", description: a shop}
tags:
  - name: "cloister:public"
    x-amazon-apigateway-tag-value: "true"
  - name: untagged
x-amazon-apigateway-cors: {allowOrigins: ["https://a.example"], maxAge: 60}
security: [{people: [read]}]
paths:
  /open:
    get:
      security: []
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/fn"}
    post:
      operationId: create
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/fn"}
  /signed/{id}:
    x-amazon-apigateway-any-method:
      security: [{iam: []}]
      x-amazon-apigateway-integration: {type: http_proxy, uri: "https://backend.example/{id}", httpMethod: ANY, payloadFormatVersion: 1.0, timeoutInMillis: 1000, requestParameters: {"append:header.x-a": "b"}}
  /asked:
    get:
      security: [{asked: []}]
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/fn"}
  /$default:
    x-amazon-apigateway-any-method:
      isDefaultRoute: true
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/fn"}
components:
  x-amazon-apigateway-integrations:
    fn: {type: AWS_PROXY, uri: "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:f/invocations", httpMethod: POST, payloadFormatVersion: "2.0"}
  securitySchemes:
    iam: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}
    people:
      type: oauth2
      x-amazon-apigateway-authorizer: {type: jwt, identitySource: $request.header.Authorization, jwtConfiguration: {issuer: "https://idp.example/realm", audience: [shop]}}
    asked:
      type: apiKey
      name: x
      in: header
      x-amazon-apigateway-authorizer: {type: request, identitySource: "$request.header.X-A, $context.httpMethod", authorizerUri: "arn:aws:lambda:us-east-1:123456789012:function:authorizer", authorizerPayloadFormatVersion: "2.0", enableSimpleResponses: true, authorizerResultTtlInSeconds: 60}
`

// keysOfRoutes is what an API's routes are, for comparison.
func (h *harness) routesOf(id string) map[string]string {
	names := map[string]string{}
	for _, x := range do(h, api.OpGetAuthorizers, &api.GetAuthorizersRequest{ApiId: &id}).Items {
		names[*x.AuthorizerId] = *x.Name
	}
	all := map[string]string{}
	for _, r := range do(h, api.OpGetRoutes, &api.GetRoutesRequest{ApiId: &id}).Items {
		all[*r.RouteKey] = fmt.Sprint(*r.AuthorizationType, " ", names[val(r.AuthorizerId)], " ", r.AuthorizationScopes, " ", val(r.OperationName), " ", r.Target != nil)
	}
	return all
}

func TestImport(t *testing.T) {
	h := newHarness(t)
	h.function("f", hello)
	out := do(h, api.OpImportApi, &api.ImportApiRequest{Body: ptr(shopDocument), FailOnWarnings: ptr(true)})
	if *out.Name != "shop" || *out.Version != "2" || out.Tags["cloister:public"] != "true" || *out.CorsConfiguration.MaxAge != 60 || len(out.Warnings) > 0 {
		t.Errorf("made %+v", out)
	}
	want := map[string]string{
		"GET /open": "NONE  []  true", "POST /open": "JWT people [read] create true", "ANY /signed/{id}": "AWS_IAM  []  true",
		"GET /asked": "CUSTOM asked []  true", "$default": "JWT people [read]  true",
	}
	if got := h.routesOf(*out.ApiId); !reflect.DeepEqual(got, want) {
		t.Errorf("the routes are %v, want %v", got, want)
	}
	do(h, api.OpCreateStage, &api.CreateStageRequest{ApiId: out.ApiId, StageName: ptr("$default"), AutoDeploy: ptr(true)})
	h.want(200, "hello", request("GET", *out.ApiId, "/open", ""))
	h.want(401, unauthorized, request("POST", *out.ApiId, "/open", ""))
	h.want(200, "hello", with2(request("POST", *out.ApiId, "/open", ""), "Authorization", h.issuer.Token(map[string]any{"aud": "shop", "scope": "read"})))

	// What is exported makes the same API again, in either form.
	for _, form := range []string{"JSON", "YAML"} {
		text := do(h, api.OpExportApi, &api.ExportApiRequest{ApiId: out.ApiId, Specification: ptr("OAS30"), OutputType: &form}).Body
		again := do(h, api.OpImportApi, &api.ImportApiRequest{Body: ptr(string(text)), FailOnWarnings: ptr(true)})
		if got := h.routesOf(*again.ApiId); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the routes are %v", form, got)
		}
		if !reflect.DeepEqual(again.CorsConfiguration, out.CorsConfiguration) || !reflect.DeepEqual(again.Tags, out.Tags) {
			t.Errorf("%s: %+v", form, again)
		}
		second := do(h, api.OpExportApi, &api.ExportApiRequest{ApiId: again.ApiId, Specification: ptr("OAS30"), OutputType: &form}).Body
		if string(second) != string(text) {
			t.Errorf("%s: exported again it is\n%s\nnot\n%s", form, second, text)
		}
	}
	// Reimported it is served at once, and what is not in the document is gone.
	do(h, api.OpReimportApi, &api.ReimportApiRequest{ApiId: out.ApiId, Body: ptr(`{"openapi":"3.0.3","info":{"title":"new"},"paths":{"/only":{"get":{
		"x-amazon-apigateway-integration":{"type":"aws_proxy","uri":"arn:aws:lambda:us-east-1:123456789012:function:f","payloadFormatVersion":"2.0"}}}}}`)})
	h.want(200, "hello", request("GET", *out.ApiId, "/only", ""))
	h.want(404, notFoundBody, request("GET", *out.ApiId, "/open", ""))
}

// The largest API that there may be is made at once, and once only.
func TestLargestImport(t *testing.T) {
	h := newHarness(t)
	document := func(n int) *string {
		paths := make([]string, n)
		for i := range paths {
			paths[i] = fmt.Sprintf(`"/p%d/{x}":{"get":{"x-amazon-apigateway-authtype":"awsSigv4","x-amazon-apigateway-integration":{"type":"aws_proxy","uri":"arn:aws:lambda:us-east-1:123456789012:function:f","payloadFormatVersion":"2.0"}}}`, i)
		}
		return ptr(`{"openapi":"3.0.1","info":{"title":"x"},"paths":{` + strings.Join(paths, ",") + `}}`)
	}
	a := do(h, api.OpImportApi, &api.ImportApiRequest{Body: document(mostRoutes)})
	do(h, api.OpCreateStage, &api.CreateStageRequest{ApiId: a.ApiId, StageName: ptr("$default"), AutoDeploy: ptr(true)})
	do(h, api.OpReimportApi, &api.ReimportApiRequest{ApiId: a.ApiId, Body: document(mostRoutes)})
	if n := len(h.routesOf(*a.ApiId)); n != 100 { // a page
		t.Errorf("%d routes", n)
	}
	h.want(403, forbidden, request("GET", *a.ApiId, "/p299/x", ""))
	if _, err := door.Do(t.Context(), h.Door, h.root, api.OpImportApi, &api.ImportApiRequest{Body: document(mostRoutes + 1)}); err == nil {
		t.Error("an API has more routes than it may have")
	}
}

func TestBadDocuments(t *testing.T) {
	h := newHarness(t)
	for what, document := range map[string]string{
		"nothing": "", "a list": "[]", "text": "hello", "no JSON": `{"a"`, "no version": `{"info":{"title":"x"},"paths":{}}`, "version 2": `{"swagger":"2.0","info":{"title":"x"},"paths":{}}`,
		"version 3.1": `{"openapi":"3.1.0","info":{"title":"x"},"paths":{}}`, "no title": `{"openapi":"3.0.0","info":{},"paths":{}}`, "no paths": `{"openapi":"3.0.0","info":{"title":"x"}}`,
		"an open route":             strings.Replace(shopDocument, `cloister:public`, "other", 1),
		"a scheme that is none":     strings.Replace(shopDocument, "[{people: [read]}]", "[{nobody: []}]", 1),
		"a scheme of no authorizer": strings.Replace(shopDocument, "x-amazon-apigateway-authtype: awsSigv4", "x-other: y", 1),
		"two schemes":               strings.Replace(shopDocument, "[{people: [read]}]", "[{people: []}, {iam: []}]", 1),
		"two schemes at once":       strings.Replace(shopDocument, "[{people: [read]}]", "[{people: [], iam: []}]", 1),
		"a reference elsewhere":     strings.Replace(shopDocument, "#/components/x-amazon-apigateway-integrations/fn", "https://evil.example/x", 1),
		"a reference to nothing":    strings.Replace(shopDocument, "integrations/fn\"", "integrations/none\"", 1),
		"a bad path":                strings.Replace(shopDocument, "/signed/{id}:", "/signed/{id}/{id}:", 1),
		"an odd authorizer":         strings.Replace(shopDocument, "type: jwt", "type: token", 1),
		"aliases of aliases":        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n",
	} {
		_, err := door.Do(t.Context(), h.Door, h.root, api.OpImportApi, &api.ImportApiRequest{Body: &document})
		var wire *awsapi.Error
		if !errors.As(err, &wire) || wire.Code != "BadRequestException" && wire.Code != "GuardrailViolation" {
			t.Errorf("%s: %v", what, err)
		}
	}
	h.must(h.DB.View(t.Context(), func(r store.Reader) error {
		rows, err := all(apis.Scan, r, nil)
		if len(rows) > 0 {
			t.Errorf("%d APIs were made of documents that are none", len(rows))
		}
		return err
	}))
}

func FuzzOpenAPI(f *testing.F) {
	f.Add(shopDocument)
	f.Add(`{"openapi":"3.0.1","info":{"title":"x"},"paths":{"/a":{"get":null}},"security":[{}],"servers":[{"url":"/{a}","variables":{"a":{"default":"b"}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := readOpenAPI(text, "prepend")
		var wire *awsapi.Error
		if err != nil && !errors.As(err, &wire) {
			t.Fatalf("%T: %v", err, err)
		}
		if err == nil {
			if _, err := json.Marshal(d.api); err != nil {
				t.Fatal(err)
			}
		}
	})
}
