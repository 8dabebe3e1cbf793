package cors

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func request(method, origin, asks string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	for name, value := range map[string]string{"Origin": origin, "Access-Control-Request-Method": asks} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	return r
}

// lower is a name as no canonical header has it.
var lower = strings.ToLower("Access-Control-Max-Age")

func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		allowed     []string
		credentials bool
		origin      string
		want        string
	}{
		{[]string{"*"}, false, "https://a.example", "*"},
		{[]string{"*"}, true, "https://a.example", ""},
		{[]string{"https://*"}, false, "https://a.example", "https://a.example"},
		{[]string{"https://*"}, false, "http://a.example", ""},
		{[]string{"https://*"}, true, "https://a.example", ""},
		{[]string{"https://a.example"}, true, "https://a.example", "https://a.example"},
		{[]string{"https://a.example"}, false, "https://a.example.evil", ""},
		{[]string{"https://a.example"}, false, "null", ""},
		{[]string{"https://a.*"}, false, "https://a.example", ""},
		{nil, false, "https://a.example", ""},
	} {
		h := http.Header{"Access-Control-Allow-Origin": {"https://backend"}, "Access-Control-Allow-Headers": {"*"}}
		h[lower] = []string{"1"}
		config := Config{AllowOrigins: c.allowed, AllowCredentials: c.credentials, ExposeHeaders: []string{"X-A", "X-B"}}
		config.Apply(h, request("GET", c.origin, ""))
		if got := h.Get("Access-Control-Allow-Origin"); got != c.want {
			t.Errorf("%v (%v) tells %s %q, want %q", c.allowed, c.credentials, c.origin, got, c.want)
		}
		if exposed := h.Get("Access-Control-Expose-Headers"); (exposed == "X-A,X-B") != (c.want != "") || len(h[lower]) > 0 {
			t.Errorf("%v: the header is %v", c.allowed, h)
		}
	}
}

func TestPreflight(t *testing.T) {
	age := int64(60)
	config := Config{AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET", "POST"}, AllowHeaders: []string{"authorization"}, MaxAge: &age, AllowCredentials: true}
	r, h := request("OPTIONS", "https://a.example", "POST"), http.Header{}
	config.Preflight(h, r)
	want := "map[Access-Control-Allow-Credentials:[true] Access-Control-Allow-Headers:[authorization] Access-Control-Allow-Methods:[GET,POST] Access-Control-Allow-Origin:[https://a.example] Access-Control-Max-Age:[60] Vary:[Origin]]"
	if got := fmt.Sprint(map[string][]string(h)); !IsPreflight(r) || got != want {
		t.Errorf("the header is %s", got)
	}
	for what, r := range map[string]*http.Request{"no method": request("OPTIONS", "https://a.example", ""), "no origin": request("OPTIONS", "", "GET"), "a request": request("GET", "https://a.example", "GET")} {
		if IsPreflight(r) {
			t.Errorf("%s is taken for a question", what)
		}
	}
}
