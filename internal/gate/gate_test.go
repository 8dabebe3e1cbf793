package gate_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
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
