package apigatewayv2

import (
	"testing"

	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/door"
	"cloister/internal/store"
)

func TestDomains(t *testing.T) {
	h := newHarness(t)
	h.gate.HandleDomains(h.service.Domains())
	one, two := h.newAPI(public), h.newAPI(public)
	h.route(one, "GET /{proxy+}", h.function("one", func(*call) (string, error) { return `{"statusCode":200,"body":"one"}`, nil }))
	h.route(two, "GET /{x}", h.function("two", func(*call) (string, error) { return `{"statusCode":200,"body":"two"}`, nil }))
	do(h, api.OpCreateDomainName, &api.CreateDomainNameRequest{DomainName: ptr("api.shop.example"), DomainNameConfigurations: []*api.DomainNameConfiguration{{CertificateArn: ptr("arn:aws:acm:us-east-1:123456789012:certificate/1")}}})
	do(h, api.OpCreateDomainName, &api.CreateDomainNameRequest{DomainName: ptr("*.wild.example")})
	at := func(host, path string, status int, body string) {
		t.Helper()
		r := request("GET", "x", path, "")
		r.Host = host
		h.want(status, body, r)
	}
	at("api.shop.example", "/a", 404, notFoundBody)
	root := do(h, api.OpCreateApiMapping, &api.CreateApiMappingRequest{DomainName: ptr("api.shop.example"), ApiId: &one, Stage: ptr("$default")})
	do(h, api.OpCreateApiMapping, &api.CreateApiMappingRequest{DomainName: ptr("api.shop.example"), ApiId: &two, Stage: ptr("$default"), ApiMappingKey: ptr("v2/deep")})
	do(h, api.OpCreateApiMapping, &api.CreateApiMappingRequest{DomainName: ptr("*.wild.example"), ApiId: &two, Stage: ptr("$default")})
	at("api.shop.example", "/a", 200, "one")
	at("API.SHOP.example:8443", "/v2/other", 200, "one")
	at("api.shop.example", "/v2/deep/x", 200, "two")
	if e := h.last().Event; e["rawPath"] != "/v2/deep/x" || e["pathParameters"].(map[string]any)["x"] != "x" {
		t.Errorf("told %v", e)
	}
	at("api.shop.example", "/v2/deeper/x", 200, "one")
	at("any.wild.example", "/x", 200, "two")
	at("a.b.wild.example", "/x", 403, "") // nobody's: the door's own
	at("shop.example", "/x", 403, "")
	// the API's own address can be closed, and its domain stays
	do(h, api.OpUpdateApi, &api.UpdateApiRequest{ApiId: &one, DisableExecuteApiEndpoint: ptr(true)})
	at("api.shop.example", "/a", 200, "one")
	h.want(404, notFoundBody, request("GET", one, "/a", ""))
	do(h, api.OpDeleteApiMapping, &api.DeleteApiMappingRequest{DomainName: ptr("api.shop.example"), ApiMappingId: root.ApiMappingId})
	at("api.shop.example", "/a", 404, notFoundBody)
	for _, name := range []string{"localhost", "x.localhost", "x.execute-api.us-east-1.amazonaws.com", "127.0.0.1", "no dots", "UPPER.example", "a..b", "x.lambda-url.us-east-1.on.aws", "api.shop.example", "node.example", "*.node.example"} {
		if _, err := door.Do(t.Context(), h.Door, h.root, api.OpCreateDomainName, &api.CreateDomainNameRequest{DomainName: &name}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// A name that another account has is nobody else's, nor is one that a host could
// mean as well; at REST APIs, too.
func TestDomainsOfOthers(t *testing.T) {
	h := newHarness(t)
	other := &door.Principal{Principal: h.root.Principal}
	other.Account, other.ARN = "210987654321", "arn:aws:iam::210987654321:root"
	h.service.HeldElsewhere = func(_ store.Reader, name, account string) (bool, error) {
		return name == "rest.example.org" && account != h.root.Account, nil
	}
	claim := func(as *door.Principal, name string) error {
		_, err := door.Do(t.Context(), h.Door, as, api.OpCreateDomainName, &api.CreateDomainNameRequest{DomainName: &name})
		return err
	}
	h.must(claim(h.root, "api.shop.example"))
	h.must(claim(h.root, "*.wild.example"))
	for _, name := range []string{"api.shop.example", "*.shop.example", "a.wild.example", "rest.example.org"} {
		if err := claim(other, name); err == nil {
			t.Errorf("another account takes %s", name)
		}
	}
	h.must(claim(other, "b.a.wild.example"))
	h.must(claim(h.root, "rest.example.org"))
	h.must(claim(h.root, "a.wild.example"))
}
