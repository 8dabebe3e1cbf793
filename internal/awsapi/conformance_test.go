package awsapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// suite is one of AWS's protocol test suites.
type suite struct {
	Description string
	Metadata    struct{ Protocol, JSONVersion, TargetPrefix, APIVersion string }
	Shapes      map[string]testShape
	Cases       []struct {
		Given struct {
			Name          string
			HTTP          struct{ Method, RequestURI string }
			Input, Output testRef
		}
		Params     map[string]any
		Serialized struct {
			Body    *string
			URI     string
			Host    string
			Headers map[string]string
		}
		Result   map[string]any
		Response struct {
			StatusCode int `json:"status_code"`
			Headers    map[string]string
			Body       string
		}
	}
}

var testProtocols = map[string]Protocol{"query": Query, "ec2": EC2Query, "json": JSON11, "rest-json": RestJSON, "rest-xml": RestXML}

func suites(t *testing.T, direction string) map[string][]suite {
	found := map[string][]suite{}
	files, _ := filepath.Glob(filepath.Join(modelsDir(t), "protocol_tests", direction, "*.json"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var list []suite
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(file), ".json")] = list
	}
	if len(found) != 5 {
		t.Fatalf("found %d protocol test files, want 5", len(found))
	}
	return found
}

// service makes the table of the suite's service with one operation.
func (s *suite) service(op *Operation) *Service {
	if s.Metadata.TargetPrefix == "" {
		s.Metadata.TargetPrefix = "test"
	}
	svc := &Service{Name: "test", SigningName: "test", APIVersion: s.Metadata.APIVersion, TargetPrefix: s.Metadata.TargetPrefix,
		Protocols: []Protocol{testProtocols[s.Metadata.Protocol]}, Operations: []*Operation{op}}
	op.Service = svc
	return svc
}

func (s *suite) build(shape string) (*Shape, reflect.Type) {
	b := builder{shapes: s.Shapes, open: map[string]int{}}
	return b.build(shape)
}

// TestRequestsAsAWSClientsSendThem decodes the requests of AWS's own protocol
// tests and compares with what the client was asked to send.
func TestRequestsAsAWSClientsSendThem(t *testing.T) {
	for file, list := range suites(t, "input") {
		for _, s := range list {
			for i, c := range s.Cases {
				t.Run(fmt.Sprintf("%s/%s/%d", file, s.Description, i), func(t *testing.T) {
					if s.Description == "Header whitespace" {
						t.Skip("the client trims; what it was given cannot be known")
					}
					op := &Operation{Name: c.Given.Name, Method: c.Given.HTTP.Method, URI: c.Given.HTTP.RequestURI}
					if op.Method == "" {
						op.Method, op.URI = http.MethodPost, "/"
					}
					var goType reflect.Type
					if c.Given.Input.Shape != "" {
						op.Input, goType = s.build(c.Given.Input.Shape)
						if c.Given.Input.Payload != "" {
							op.Input.Payload = c.Given.Input.Payload
						}
					}
					req, body := testRequest(t, op.Method, s.Metadata.Protocol, c.Serialized.URI, c.Serialized.Headers, c.Serialized.Body)
					if s.Metadata.Protocol == "json" && req.Header.Get("X-Amz-Target") == "" {
						req.Header.Set("X-Amz-Target", "test."+op.Name)
					}
					m, wireErr := NewRouter(s.service(op)).Recognise(req, "test", body)
					if wireErr != nil {
						t.Fatalf("not recognised: %v", wireErr)
					}
					if op.Input == nil {
						return
					}
					got := decoded(t, m, goType, func(in any) *Error { return m.Decode(req, body, in) })
					want := comparable(c.Params, s.Shapes[c.Given.Input.Shape])
					if !reflect.DeepEqual(prune(got), prune(want)) {
						t.Errorf("decoded %v\nwant    %v\nfrom    %s %s", got, want, c.Serialized.URI, body)
					}
				})
			}
		}
	}
}

func testRequest(t *testing.T, method, protocol, uri string, headers map[string]string, body *string) (*http.Request, []byte) {
	t.Helper()
	raw := []byte{}
	if body != nil {
		raw = []byte(*body)
	}
	req := httptest.NewRequest(method, uri, nil)
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	if req.Header.Get("Content-Type") == "" && (protocol == "query" || protocol == "ec2") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, raw
}

func decoded(t *testing.T, m *Match, goType reflect.Type, decode func(any) *Error) map[string]any {
	t.Helper()
	in := reflect.New(goType.Elem())
	if err := decode(in.Interface()); err != nil {
		t.Fatalf("not decoded: %v", err)
	}
	p, v, err := structPlan(m.Operation.Input, in.Interface())
	if err != nil {
		t.Fatal(err)
	}
	return generic(p, v).(map[string]any)
}

// comparable adds to a test's parameters the tokens that clients make up.
func comparable(params map[string]any, s testShape) map[string]any {
	out := map[string]any{}
	for name, ref := range s.Members {
		switch v := params[name]; {
		case v != nil:
			out[name] = v
		case ref.IdempotencyToken:
			out[name] = "00000000-0000-4000-8000-000000000000"
		}
	}
	return out
}

// prune drops what clients send no differently from an absent member: null,
// and at the top an empty structure.
func prune(params map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range params {
		inner, isMap := v.(map[string]any)
		if isMap {
			inner = prune(inner)
			v = inner
		}
		if v != nil && (!isMap || len(inner) > 0) {
			out[name] = v
		}
	}
	return out
}

// lenient lists cases about a client's forbearance, which a server must not use.
var lenient = map[string]string{
	"json/Lists/1": "null inside a list",
	"json/unmodeled non-json response payload/0": "a body that is not JSON",
	"json/unmodeled non-json response payload/1": "a body that is no object",
	"rest-json/Supports header maps/0":           "the case of header names, which HTTP does not keep",
}

// TestAnswersAsAWSClientsReadThem reads the answers of AWS's own protocol tests
// with a client made of the same tables, which shows that this client is right;
// then it reads our encoding of the same result, which must give the same.
func TestAnswersAsAWSClientsReadThem(t *testing.T) {
	for file, list := range suites(t, "output") {
		for _, s := range list {
			for i, c := range s.Cases {
				if c.Given.Output.Shape == "" || c.Result == nil {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%d", file, s.Description, i), func(t *testing.T) {
					if reason := lenient[fmt.Sprintf("%s/%s/%d", file, s.Description, i)]; reason != "" {
						t.Skip(reason)
					}
					op := &Operation{Name: c.Given.Name, ResultWrapper: c.Given.Output.ResultWrapper}
					if op.ResultWrapper == "" {
						op.ResultWrapper = s.Shapes[c.Given.Output.Shape].ResultWrapper
					}
					var goType reflect.Type
					op.Output, goType = s.build(c.Given.Output.Shape)
					if c.Given.Output.Payload != "" {
						op.Output.Payload = c.Given.Output.Payload
					}
					m := &Match{Service: s.service(op), Operation: op, Protocol: testProtocols[s.Metadata.Protocol]}
					official := &http.Response{StatusCode: c.Response.StatusCode, Header: http.Header{}}
					for name, value := range c.Response.Headers {
						official.Header.Set(name, value)
					}
					want := readAnswer(t, m, goType, official, []byte(c.Response.Body))
					if given := any(c.Result); !reflect.DeepEqual(any(want), given) {
						t.Fatalf("the test's client reads %v\nfrom %s, which means %v", want, c.Response.Body, given)
					}
					out := reflect.New(goType.Elem())
					p, v, err := structPlan(op.Output, out.Interface())
					if err != nil {
						t.Fatal(err)
					}
					fill(p, &Member{Shape: op.Output}, v, c.Result)
					w := httptest.NewRecorder()
					if err := m.Encode(w, "request-id", out.Interface()); err != nil {
						t.Fatal(err)
					}
					if got := readAnswer(t, m, goType, w.Result(), w.Body.Bytes()); !reflect.DeepEqual(got, want) {
						t.Errorf("a client reads %v\nfrom %s\nwant %v", got, w.Body, want)
					}
				})
			}
		}
	}
}

// readAnswer is the client's side, in terms of the server's decoders.
func readAnswer(t *testing.T, m *Match, goType reflect.Type, res *http.Response, body []byte) map[string]any {
	t.Helper()
	out := reflect.New(goType.Elem())
	p, v, err := structPlan(m.Operation.Output, out.Interface())
	if err != nil {
		t.Fatal(err)
	}
	switch m.Protocol {
	case Query, EC2Query:
		err = readQueryAnswer(m, p, v, body)
	case JSON10, JSON11:
		err = decodeJSON(body, p, v)
	default:
		for name := range res.Header {
			if name == "X-Amzn-Requestid" || strings.HasPrefix(name, "Content-") && p.field("AllHeaders") == nil {
				res.Header.Del(name)
			}
		}
		req := &http.Request{URL: &url.URL{Path: "/"}, Header: res.Header}
		r := restReader{match: m, req: req, body: body}
		if err = r.decode(p, v); err == nil {
			setStatus(p, v, res.StatusCode)
		}
	}
	if err != nil {
		t.Fatalf("the test's client cannot read %s: %v", body, err)
	}
	return generic(p, v).(map[string]any)
}

func setStatus(p *plan, v reflect.Value, status int) {
	for i := range p.fields {
		if f := &p.fields[i]; f.Location == InStatus {
			create(v.Field(f.index)).SetInt(int64(status))
		}
	}
}

func readQueryAnswer(m *Match, p *plan, v reflect.Value, body []byte) error {
	root, err := parseXML(body)
	if err != nil {
		return err
	}
	if m.Operation.ResultWrapper != "" {
		root = root.named(m.Operation.ResultWrapper)[0]
	}
	return xmlStructure(p, v, root)
}
