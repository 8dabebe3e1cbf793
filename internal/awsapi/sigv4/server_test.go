package sigv4

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// net/http's servers move headers about, and differently in HTTP/2: the same
// calls verify through both.
func TestThroughRealServers(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		protocol := ""
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			protocol = r.Proto
			if err := verify(r, testTime); err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
			}
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		for _, c := range []call{
			{method: "POST", path: "/a%2Fb/%C3%A9%20", query: "b=2&a=%2B%20", body: "hello", service: "lambda", token: "t", headers: map[string]string{"X-Amz-Meta-A": "a  b"}},
			{method: "PUT", path: "/k%20%24", body: "hello", service: "s3"},
			{method: "GET", path: "/", service: "sts", presigned: true, token: "t"},
			{method: "DELETE", path: "/x", service: "iam"},
		} {
			r := signWithSDK(t, c)
			r.Host = r.URL.Host
			r.URL.Host = strings.TrimPrefix(server.URL, "https://")
			answer, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK || (protocol == "HTTP/2.0") != http2 {
				t.Errorf("%s: %+v: %s", protocol, c, answer.Status)
			}
		}
		server.Close()
	}
}
