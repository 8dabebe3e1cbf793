package event

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// What aws-lambda-go says that a REST API tells a function is what it is told here:
// the request is made of the golden event, and told again.
func TestRESTProxyIsGolden(t *testing.T) {
	text, _ := golden(t, "apigw-request.json")
	var e events.APIGatewayProxyRequest
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	c := e.RequestContext
	r := &Request{
		Method: e.HTTPMethod, Path: e.Path, Query: url.Values(e.MultiValueQueryStringParameters).Encode(), Protocol: c.Protocol, Header: http.Header(e.MultiValueHeaders),
		Host: e.Headers["Host"], Body: []byte(e.Body), Account: c.AccountID, API: c.APIID, Stage: c.Stage, DomainName: c.DomainName, DomainPrefix: c.DomainPrefix,
		RequestID: c.RequestID, Time: time.UnixMilli(c.RequestTimeEpoch), SourceIP: c.Identity.SourceIP, PathParameters: e.PathParameters, Variables: e.StageVariables,
	}
	x := &REST{
		ResourceID: c.ResourceID, ResourcePath: c.ResourcePath, ContextPath: c.Path,
		APIKey: c.Identity.APIKey, APIKeyID: c.Identity.APIKeyID, Authorizer: c.Authorizer,
	}
	told, err := RESTProxy(r, x)
	if err != nil {
		t.Fatal(err)
	}
	var got events.APIGatewayProxyRequest
	if err := json.Unmarshal(told, &got); err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]any{
		"resource": {got.Resource, e.Resource}, "path": {got.Path, e.Path}, "method": {got.HTTPMethod, e.HTTPMethod}, "headers": {got.Headers, e.Headers},
		"all headers": {got.MultiValueHeaders, e.MultiValueHeaders}, "query": {got.QueryStringParameters, e.QueryStringParameters},
		"all of the query": {got.MultiValueQueryStringParameters, e.MultiValueQueryStringParameters}, "variables": {got.StageVariables, e.StageVariables},
		"path parameters": {got.PathParameters, e.PathParameters}, "body": {got.Body, e.Body}, "base64": {got.IsBase64Encoded, e.IsBase64Encoded},
		"authorizer": {got.RequestContext.Authorizer, c.Authorizer}, "context path": {got.RequestContext.Path, c.Path}, "stage": {got.RequestContext.Stage, c.Stage},
		"resource id": {got.RequestContext.ResourceID, c.ResourceID}, "key": {got.RequestContext.Identity.APIKey, c.Identity.APIKey},
		"source": {got.RequestContext.Identity.SourceIP, c.Identity.SourceIP}, "account": {got.RequestContext.AccountID, c.AccountID},
		"epoch": {got.RequestContext.RequestTimeEpoch, c.RequestTimeEpoch},
	} {
		a, _ := json.Marshal(pair[0])
		b, _ := json.Marshal(pair[1])
		if string(a) != string(b) {
			t.Errorf("%s is %s, want %s", what, a, b)
		}
	}
	// No member that is told is one that the golden event does not know of.
	var all, known map[string]any
	_, known = golden(t, "apigw-request.json")
	if err := json.Unmarshal(told, &all); err != nil {
		t.Fatal(err)
	}
	for name := range all {
		if _, ok := known[name]; !ok && name != "isBase64Encoded" {
			t.Errorf("%s is no member of the golden event", name)
		}
	}
}

func TestRESTAuthorizersAreGolden(t *testing.T) {
	for name, told := range map[string][]byte{
		"apigw-custom-auth-request.json":              tokenEvent(t),
		"apigw-custom-auth-request-type-request.json": requestEvent(t),
	} {
		_, want := golden(t, name)
		var got map[string]any
		if err := json.Unmarshal(told, &got); err != nil {
			t.Fatal(err)
		}
		for member := range want {
			if _, ok := got[member]; !ok {
				t.Errorf("%s: %s is not told", name, member)
			}
		}
		for member := range got {
			if _, ok := want[member]; !ok {
				t.Errorf("%s: %s is told", name, member)
			}
		}
		if got["type"] != want["type"] {
			t.Errorf("%s: the type is %v", name, got["type"])
		}
	}
}

func tokenEvent(t *testing.T) []byte {
	told, err := RESTToken("arn", "token")
	if err != nil {
		t.Fatal(err)
	}
	return told
}

func requestEvent(t *testing.T) []byte {
	told, err := RESTRequest(&Request{Method: "GET", Path: "/", Header: http.Header{}}, &REST{}, "arn")
	if err != nil {
		t.Fatal(err)
	}
	return told
}
