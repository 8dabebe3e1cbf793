package event

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// golden reads an event of aws-lambda-go's testdata, as any JSON.
func golden(t *testing.T, name string) (text []byte, all map[string]any) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err = os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "events", "testdata", name))
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text, all
}

// fromV2 makes the request of which a golden event tells.
func fromV2(t *testing.T, name string) (*Request, map[string]any) {
	text, all := golden(t, name)
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	c := e.RequestContext
	r := &Request{
		Method: c.HTTP.Method, Path: e.RawPath, Query: e.RawQueryString, Protocol: c.HTTP.Protocol, Header: http.Header{}, Body: []byte(e.Body),
		Account: c.AccountID, API: c.APIID, Stage: c.Stage, DomainName: c.DomainName, DomainPrefix: c.DomainPrefix, RouteKey: e.RouteKey,
		RequestID: c.RequestID, Time: time.UnixMilli(c.TimeEpoch), SourceIP: c.HTTP.SourceIP, PathParameters: e.PathParameters, Variables: e.StageVariables,
	}
	for name, value := range e.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("User-Agent", c.HTTP.UserAgent)
	if len(e.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	if r.Host = e.Headers["host"]; r.Host == "" {
		r.Host = c.DomainName
	}
	if c.Authentication.ClientCert.ClientCertPem != "" {
		text, _ := json.Marshal(c.Authentication.ClientCert)
		if err := json.Unmarshal(text, &r.ClientCertificate); err != nil {
			t.Fatal(err)
		}
	}
	if c.Authorizer != nil {
		text, _ := json.Marshal(c.Authorizer)
		if err := json.Unmarshal(text, &r.Authorizer); err != nil {
			t.Fatal(err)
		}
	}
	return r, all
}

// same compares two JSON values; where is a path to name them by. Some of the
// golden events were written by hand: names of headers in capitals, a time that
// is not the epoch's.
func same(t *testing.T, where string, got, want any) {
	t.Helper()
	w, ok := want.(map[string]any)
	if !ok {
		if !strings.HasSuffix(where, ".time") && !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", where, got, want)
		}
		return
	}
	g, _ := got.(map[string]any)
	for name, value := range w {
		if strings.HasSuffix(where, ".headers") {
			name = strings.ToLower(name)
		}
		same(t, where+"."+name, g[name], value)
	}
	for name := range g {
		if _, ok := w[name]; !ok && !strings.HasSuffix(where, ".headers") {
			t.Errorf("%s.%s is not in the golden event", where, name)
		}
	}
}

func TestGoldenV2(t *testing.T) {
	for _, name := range []string{"no-authorizer", "jwt-authorizer", "lambda-authorizer", "iam"} {
		t.Run(name, func(t *testing.T) {
			r, want := fromV2(t, "apigw-v2-request-"+name+".json")
			text, err := V2(r)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			same(t, "event", got, want)
		})
	}
}

// The members of events that no golden one has in full.
func TestShapes(t *testing.T) {
	r, _ := fromV2(t, "apigw-v2-request-iam.json")
	r.RouteKey = "GET /my/{proxy+}"
	for name, c := range map[string]struct {
		make   func() ([]byte, error)
		golden string
		// beside are members that HTTP APIs have and the golden event has not, and without the reverse.
		beside, without []string
	}{
		"1.0": {func() ([]byte, error) { return V1(r) }, "apigw-request.json", []string{"version", "isBase64Encoded"}, nil},
		"authorizer 2.0": {func() ([]byte, error) { return AuthorizerV2(r, "arn", []string{"a"}) }, "apigw-v2-custom-authorizer-v2-request.json",
			nil, nil},
		"authorizer 1.0": {func() ([]byte, error) { return AuthorizerV1(r, "arn", "a") }, "apigw-v2-custom-authorizer-v1-request.json", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := c.make()
			if err != nil {
				t.Fatal(err)
			}
			_, want := golden(t, c.golden)
			var got map[string]any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			for member := range want {
				if _, ok := got[member]; !ok && !slices.Contains(c.without, member) {
					t.Errorf("%s is missing", member)
				}
			}
			for member := range got {
				if _, ok := want[member]; !ok && !slices.Contains(c.beside, member) {
					t.Errorf("%s is not AWS's", member)
				}
			}
		})
	}
}

func TestV1IsRead(t *testing.T) {
	r, _ := fromV2(t, "apigw-v2-request-jwt-authorizer.json")
	r.Query, r.RouteKey = "a=1&a=2%203&%zz=x", "POST /things/{id}"
	r.Header["X-Twice"] = []string{"one", "two"}
	text, err := V1(r)
	if err != nil {
		t.Fatal(err)
	}
	var e events.APIGatewayProxyRequest
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	if e.Resource != "/things/{id}" || e.QueryStringParameters["a"] != "2 3" || len(e.MultiValueQueryStringParameters["a"]) != 2 || e.QueryStringParameters["%zz"] != "x" ||
		e.Headers["X-Twice"] != "two" || len(e.MultiValueHeaders["X-Twice"]) != 2 || e.Headers["Host"] != r.Host || e.RequestContext.Authorizer["claims"] == nil {
		t.Errorf("the event is %s", text)
	}
}

// Bodies that are no text are in base64, whatever they say they are.
func TestBodies(t *testing.T) {
	for _, c := range []struct {
		kind, encoding, body string
		encoded              bool
	}{
		{"application/json", "", "{}", false}, {"text/plain; charset=utf-8", "", "x", false}, {"", "", "x", false},
		{"application/problem+json", "", "{}", false}, {"application/json", "gzip", "x", true}, {"application/json", "", "\xff", true},
		{"application/octet-stream", "", "x", true}, {"application/x-www-form-urlencoded", "", "a=b", true}, {"bad/;;type", "", "x", true},
	} {
		r := &Request{Header: http.Header{}, Body: []byte(c.body)}
		if c.kind != "" {
			r.Header.Set("Content-Type", c.kind)
		}
		if c.encoding != "" {
			r.Header.Set("Content-Encoding", c.encoding)
		}
		if _, encoded := r.body(); encoded != c.encoded {
			t.Errorf("%s %s %q: base64 %v", c.kind, c.encoding, c.body, encoded)
		}
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		payload string
		v1      bool
		status  int // 0 for malformed
		header  string
		body    string
	}{
		{`"hello"`, false, 200, "application/json", `"hello"`},
		{`{"a":1}`, false, 200, "application/json", `{"a":1}`},
		{`null`, false, 200, "application/json", `null`},
		{`{"statusCode":201,"body":"x"}`, false, 201, "text/plain;charset=utf-8", "x"},
		{`{"statusCode":"418","headers":{"content-type":"a/b","X-N":5},"body":"eA==","isBase64Encoded":true}`, false, 418, "a/b", "x"},
		{`{"statusCode":200,"multiValueHeaders":{"Content-Type":["c/d"]}}`, false, 200, "", ""},
		{`{"statusCode":200,"multiValueHeaders":{"Content-Type":["c/d"]}}`, true, 200, "c/d", ""},
		{`{"statusCode":200,"body":"x"}`, true, 200, "application/json", "x"},
		{`{"body":"x"}`, true, 0, "", ""},
		{`"x"`, true, 0, "", ""},
		{``, false, 0, "", ""}, {`{`, false, 0, "", ""},
		{`{"statusCode":null}`, false, 0, "", ""},
		{`{"statusCode":"x"}`, false, 0, "", ""}, {`{"statusCode":99}`, false, 0, "", ""}, {`{"statusCode":101}`, false, 0, "", ""}, {`{"statusCode":1000}`, false, 0, "", ""},
		{`{"statusCode":200,"body":{"a":1}}`, false, 0, "", ""},
		{`{"statusCode":200,"body":"%","isBase64Encoded":true}`, false, 0, "", ""},
		{`{"statusCode":200,"headers":{"X-A":["b"]}}`, false, 0, "", ""},
		{`{"statusCode":200,"headers":{"X-A":"b\r\nSet-Cookie: c=d"}}`, false, 0, "", ""},
		{`{"statusCode":200,"headers":{"X-A\r\nB":"b"}}`, false, 0, "", ""},
		{`{"statusCode":200,"headers":{"":"b"}}`, false, 0, "", ""},
		{`{"statusCode":200,"cookies":["a=b\nc"]}`, false, 0, "", ""},
	} {
		read := AnswerV2
		if c.v1 {
			read = AnswerV1
		}
		a, err := read([]byte(c.payload))
		if c.status == 0 {
			if err == nil {
				t.Errorf("%s is taken for %+v", c.payload, a)
			}
			continue
		}
		if err != nil || a.Status != c.status || a.Header.Get("Content-Type") != c.header || string(a.Body) != c.body {
			t.Errorf("%s is %+v (%v)", c.payload, a, err)
		}
	}
}

// What belongs to a connection is the gate's, so that an answer ends where it ends.
func TestConnectionHeaders(t *testing.T) {
	a, err := AnswerV2([]byte(`{"statusCode":200,"headers":{"Content-Length":"5000","transfer-encoding":"chunked","Connection":"X-A","X-A":"kept"},"cookies":["a=b","c=d"],"body":"four"}`))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	a.Write(w, httptest.NewRequest("GET", "/", nil))
	h := w.Result().Header
	if h.Get("Content-Length") != "4" || h.Get("Transfer-Encoding") != "" || h.Get("Connection") != "" || h.Get("X-A") != "kept" || len(h["Set-Cookie"]) != 2 {
		t.Errorf("the header is %v", h)
	}
	for status, method := range map[int]string{204: "GET", 200: "HEAD"} {
		w := httptest.NewRecorder()
		(&Answer{Status: status, Header: http.Header{}, Body: []byte("x")}).Write(w, httptest.NewRequest(method, "/", nil))
		if w.Body.Len() > 0 {
			t.Errorf("%d to %s has a body", status, method)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for payload, want := range map[string]string{
		`{"isAuthorized":true,"context":{"a":1}}`:              "simple true",
		`{"isAuthorized":false}`:                               "simple false",
		`{"isAuthorized":"true"}`:                              "",
		`{"principalId":"p","policyDocument":{"Version":"x"}}`: "policy p",
		`{"principalId":"","policyDocument":{}}`:               "",
		`{"principalId":"p","policyDocument":"{}"}`:            "",
		`{"principalId":"p"}`:                                  "",
		`[]`:                                                   "",
		`{"context":"x","isAuthorized":true}`:                  "",
		`{"x":"` + strings.Repeat("x", mostVerdict) + `","isAuthorized":true}`: "",
	} {
		got := ""
		if v, err := ReadVerdict([]byte(payload), true); err == nil {
			got = map[bool]string{true: "simple true", false: "simple false"}[v.Allowed]
		} else if v, err := ReadVerdict([]byte(payload), false); err == nil {
			got = "policy " + v.PrincipalID
		}
		if got != want {
			t.Errorf("%.60s is %q, want %q", payload, got, want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":"b"},"multiValueHeaders":{"c":["d"]},"cookies":["e"],"body":"eA==","isBase64Encoded":true}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, read := range []func([]byte) (*Answer, error){AnswerV2, AnswerV1} {
			a, err := read(payload)
			if err != nil {
				continue
			}
			if a.Status < 200 || a.Status > 599 {
				t.Errorf("status %d", a.Status)
			}
			for name, values := range a.Header {
				if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") || Hop(name) {
					t.Errorf("%q: %q", name, values)
				}
			}
		}
	})
}
