package gate_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloister/internal/gate"
)

// known is a front that has one name, or all of them.
type known struct{ label, name string }

func (k known) Serve(w http.ResponseWriter, r *http.Request, t gate.Target) bool {
	if k.name != "" && k.name != t.Name && k.name != t.Host {
		return false
	}
	fmt.Fprintf(w, "%s name=%s path=%s", k.label, t.Name, t.Path)
	return true
}

func TestWhoseARequestIs(t *testing.T) {
	door := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "door") })
	g := gate.New(door, "Example.org")
	g.Handle("execute-api", known{"rest", "a1"})
	g.Handle("execute-api", known{label: "http"})
	g.Handle("lambda-url", known{label: "url"})
	g.HandleDomains(known{"domain", "api.customer.com"})
	for _, c := range []struct{ host, path, want string }{
		{"127.0.0.1:4566", "/", "door"},
		{"127.0.0.1:4566", "/2015-03-31/functions/f/invocations", "door"},
		{"a1.execute-api.localhost:4566", "/prod/x", "rest name=a1 path=/prod/x"},
		{"A1.Execute-API.LOCALHOST", "/", "rest name=a1 path=/"},
		{"b2.execute-api.localhost", "/x", "http name=b2 path=/x"},
		{"b2.execute-api.us-east-1.amazonaws.com", "/x", "http name=b2 path=/x"},
		{"b2.execute-api.example.org.", "/x", "http name=b2 path=/x"},
		{"u.lambda-url.eu-west-1.on.aws", "/", "url name=u path=/"},
		{"127.0.0.1", "/_aws/execute-api/a1/prod/x%2Fy//z", "rest name=a1 path=/prod/x%2Fy//z"},
		{"127.0.0.1", "/_aws/execute-api/a1", "rest name=a1 path=/"},
		{"127.0.0.1", "/_aws/other/a1", "door"},
		{"127.0.0.1", "/%5Faws/execute-api/a1/", "door"},
		{"api.customer.com", "/x", "domain name= path=/x"},
		{"api.customer.com", "/_aws/execute-api/a1/evil.html", "domain name= path=/_aws/execute-api/a1/evil.html"},
		{"b2.execute-api.evil.com", "/x", "door"},
		{"x.b2.execute-api.localhost", "/x", "door"},
		{".execute-api.localhost", "/x", "door"},
		{"execute-api.localhost", "/x", "door"},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if got := w.Body.String(); got != c.want {
			t.Errorf("%s%s goes to %q, want %q", c.host, c.path, got, c.want)
		}
	}
}

func TestStrictTransportSecurity(t *testing.T) {
	g := gate.New(http.NotFoundHandler(), "Example.org")
	for _, c := range []struct {
		host string
		tls  bool
		want string
	}{
		{"example.org", true, "max-age=31536000"},
		{"a.execute-api.EXAMPLE.org.", true, "max-age=31536000"},
		{"a.execute-api.example.org", false, ""},
		{"notexample.org", true, ""},
		{"a.execute-api.localhost", true, ""},
		{"127.0.0.1:4566", true, ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host, r.TLS = c.host, nil
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if got := w.Header().Get("Strict-Transport-Security"); got != c.want {
			t.Errorf("%s, TLS %v: %q", c.host, c.tls, got)
		}
	}
}

// Whoever claimed a name that the node is reached by does not get what clients of
// AWS's protocols send there.
func TestDomainsGetNoCallsOfAWS(t *testing.T) {
	door := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "door") })
	g := gate.New(door, "")
	g.HandleDomains(known{"domain", "api.customer.com"})
	const scope = "Credential=AKIA/20260101/us-east-1/%s/aws4_request, SignedHeaders=host, Signature=00"
	for _, c := range []struct{ path, header, value, want string }{
		{"/", "Authorization", "AWS4-HMAC-SHA256 " + fmt.Sprintf(scope, "s3"), "door"},
		{"/", "Authorization", "AWS4-HMAC-SHA256 " + fmt.Sprintf(scope, "execute-api"), "domain name= path=/"},
		{"/", "Authorization", "Bearer " + fmt.Sprintf(scope, "s3"), "domain name= path=/"},
		{"/", "Authorization", "AWS4-HMAC-SHA256 Credential=", "domain name= path=/"},
		{"/", "X-Amz-Target", "AWSCognitoIdentityProviderService.InitiateAuth", "door"},
		{"/?X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fsts%2Faws4_request", "X", "y", "door"},
		{"/?X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fexecute-api%2Faws4_request", "X", "y", "domain name= path=/"},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.Host = "api.customer.com"
		r.Header.Set(c.header, c.value)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if got := w.Body.String(); got != c.want {
			t.Errorf("%s %s: %s goes to %q, want %q", c.path, c.header, c.value, got, c.want)
		}
	}
}

// A page of an API that is reached by a path shares its host with the sign-in
// pages and with other people's APIs, and is kept apart from them.
func TestPagesByPathAreAlone(t *testing.T) {
	g := gate.New(http.NotFoundHandler(), "")
	for _, kind := range []string{"execute-api", "lambda-url", "cognito"} {
		g.Handle(kind, known{label: kind})
	}
	for _, c := range []struct {
		host, path string
		alone      bool
	}{
		{"127.0.0.1", "/_aws/execute-api/a/", true},
		{"127.0.0.1", "/_aws/lambda-url/a/", true},
		{"127.0.0.1", "/_aws/cognito/a/", false},
		{"a.execute-api.localhost", "/", false},
		{"a.execute-api.localhost", "/_aws/execute-api/b/", false},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		policy := w.Header().Get("Content-Security-Policy")
		if (policy != "") != c.alone || strings.Contains(policy, "allow-same-origin") {
			t.Errorf("%s%s: %q", c.host, c.path, policy)
		}
	}
}

// Knows implements gate.Knower.
func (k known) Knows(_ context.Context, t gate.Target) bool {
	return k.name == t.Name || k.name == t.Host
}

func TestNamesThatAreKnown(t *testing.T) {
	g := gate.New(http.NotFoundHandler(), "example.org")
	g.Handle("execute-api", known{"rest", "a1"})
	g.Handle("execute-api", known{"http", "b2"})
	g.HandleDomains(known{"domain", "api.customer.com"})
	for host, want := range map[string]bool{
		"example.org": true, "EXAMPLE.org.": true, "a1.execute-api.example.org": true, "b2.execute-api.example.org": true, "api.customer.com": true,
		"": false, "c3.execute-api.example.org": false, "a1.lambda-url.example.org": false, "x.a1.execute-api.example.org": false, "a1.execute-api.localhost": false,
		"a1.execute-api.us-east-1.amazonaws.com": false, "www.example.org": false, "execute-api.example.org": false, "customer.com": false, "notexample.org": false,
	} {
		if got := g.Knows(t.Context(), host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
