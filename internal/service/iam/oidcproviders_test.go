package iam

import (
	"fmt"
	"strings"
	"testing"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
)

func TestIssuers(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://idp.example":                "idp.example",
		"https://idp.example/":               "idp.example/",
		"https://IdP.example/a/b~c":          "IdP.example/a/b~c",
		"https://idp.example:8443/x":         "idp.example:8443/x",
		"https://[2001:db8::1]:8443":         "[2001:db8::1]:8443",
		"https://":                           "",
		"https:///path":                      "",
		"https://:443":                       "",
		"https://idp.example:":               "",
		"https://idp.example:0":              "",
		"https://idp.example:99999":          "",
		"https://idp.example:x":              "",
		"HTTPS://idp.example":                "",
		"https://a@b.example":                "",
		"https://a:b@c.example":              "",
		"https://idp.example?":               "",
		"https://idp.example?a=b":            "",
		"https://idp.example#":               "",
		"https://idp.example/%2e%2e/x":       "",
		"https://idp.example/./x":            "",
		"https://idp.example/a b":            "",
		"https://idp.example/a*":             "",
		"https://idp.example/ü":              "",
		"https://idp.example/a\nb":           "",
		"https://idp.example\\@evil.example": "",
	} {
		got, ok := issuerAddress(issuer)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q %v", issuer, got, ok)
		}
	}
}

func TestProviderQuotas(t *testing.T) {
	h := newHarness(t)
	for i := range providerQuota {
		do(h, h.root(), api.OpCreateOpenIDConnectProvider, &api.CreateOpenIDConnectProviderRequest{Url: str(fmt.Sprintf("https://%d.idp.example", i))})
	}
	_, err := door.Do(t.Context(), h.Door, h.root(), api.OpCreateOpenIDConnectProvider, &api.CreateOpenIDConnectProviderRequest{Url: str("https://one.more.example")})
	wantMessage(t, err, "LimitExceeded: Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100")
	n := do(h, h.root(), api.OpGetAccountSummary, &awsapi.None{}).SummaryMap["Providers"]
	if n != providerQuota {
		t.Errorf("the summary counts %d", n)
	}
	arn := providerARN("123456789012", "0.idp.example")
	for i := range clientIDsPerProvider {
		do(h, h.root(), api.OpAddClientIDToOpenIDConnectProvider, &api.AddClientIDToOpenIDConnectProviderRequest{OpenIDConnectProviderArn: &arn, ClientID: str(fmt.Sprint("client ", i))})
	}
	_, err = door.Do(t.Context(), h.Door, h.root(), api.OpAddClientIDToOpenIDConnectProvider, &api.AddClientIDToOpenIDConnectProviderRequest{OpenIDConnectProviderArn: &arn, ClientID: str("another")})
	wantMessage(t, err, "LimitExceeded: Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100")
}

func wantMessage(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
