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
	Cases       []testCase
}

type testCase struct {
	Given struct {
		Name          string
		HTTP          struct{ Method, RequestURI string }
		Input, Output testRef
	}
	Params     map[string]any
	Serialized struct {
		Body    *string
		URI     string
		Headers map[string]string
	}
	Result   map[string]any
	Response struct {
		StatusCode int `json:"status_code"`
		Headers    map[string]string
		Body       string
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
func (s *suite) service(op *Operation) {
	if s.Metadata.TargetPrefix == "" {
		s.Metadata.TargetPrefix = "test"
	}
	svc := &Service{Name: "test", SigningName: "test", APIVersion: s.Metadata.APIVersion, TargetPrefix: s.Metadata.TargetPrefix,
		Protocols: []Protocol{testProtocols[s.Metadata.Protocol]}, Operations: []*Operation{op}}
	op.Service = svc
}

func (s *suite) build(ref testRef) (*Shape, reflect.Type) {
	b := builder{shapes: s.Shapes, open: map[string]int{}}
	shape, t := b.build(ref.Shape)
	if ref.Payload != "" {
		shape.Payload = ref.Payload
	}
	return shape, t
}

// each runs every case of every suite of one direction.
func each(t *testing.T, direction string, run func(t *testing.T, s *suite, c *testCase)) {
	for file, list := range suites(t, direction) {
		for _, s := range list {
			for i := range s.Cases {
				name := fmt.Sprintf("%s/%s/%d", file, s.Description, i)
				t.Run(name, func(t *testing.T) {
					if reason := lenient[name]; reason != "" {
						t.Skip(reason)
					}
					run(t, &s, &s.Cases[i])
				})
			}
		}
	}
}

// lenient lists cases about a client's forbearance, which a server cannot see
// or must not use.
var lenient = map[string]string{
	"rest-xml/Header whitespace/0":               "the client trims; what it was given cannot be known",
	"json/Lists/1":                               "null inside a list",
	"json/unmodeled non-json response payload/0": "a body that is not JSON",
	"json/unmodeled non-json response payload/1": "a body that is no object",
	"rest-json/Supports header maps/0":           "the case of header names, which HTTP does not keep",
}

// TestRequestsAsAWSClientsSendThem decodes the requests of AWS's own protocol
// tests and compares with what the client was asked to send.
func TestRequestsAsAWSClientsSendThem(t *testing.T) {
	each(t, "input", func(t *testing.T, s *suite, c *testCase) {
		op, goType := s.operation(c)
		req, body := s.request(c, op)
		m, err := NewRouter(op.Service).Recognise(req, "test", body)
		if err != nil {
			t.Fatalf("not recognised: %v", err)
		}
		if op.Input == nil {
			return
		}
		in := reflect.New(goType.Elem()).Interface()
		if err := m.Decode(req, body, in); err != nil {
			t.Fatalf("not decoded: %v", err)
		}
		got := Generic(op.Input, in).(map[string]any)
		want := comparable(c.Params, s.Shapes[c.Given.Input.Shape])
		if !reflect.DeepEqual(prune(got), prune(want)) {
			t.Errorf("decoded %v\nwant    %v\nfrom    %s %s", got, want, c.Serialized.URI, body)
		}
	})
}

// operation makes the table of a case's operation, and the Go type of its
// input or output.
func (s *suite) operation(c *testCase) (*Operation, reflect.Type) {
	op := &Operation{Name: c.Given.Name, Method: c.Given.HTTP.Method, URI: c.Given.HTTP.RequestURI, ResultWrapper: c.Given.Output.ResultWrapper}
	if op.Method == "" {
		op.Method = http.MethodPost
	}
	if op.URI == "" {
		op.URI = "/"
	}
	s.service(op)
	var goType reflect.Type
	if ref := c.Given.Input; ref.Shape != "" {
		op.Input, goType = s.build(ref)
	}
	if ref := c.Given.Output; ref.Shape != "" {
		op.Output, goType = s.build(ref)
		op.ResultWrapper += s.Shapes[ref.Shape].ResultWrapper
	}
	return op, goType
}

// request is what the client of a case sends.
func (s *suite) request(c *testCase, op *Operation) (*http.Request, []byte) {
	body := []byte{}
	if c.Serialized.Body != nil {
		body = []byte(*c.Serialized.Body)
	}
	req := httptest.NewRequest(op.Method, c.Serialized.URI, nil)
	switch s.Metadata.Protocol {
	case "query", "ec2":
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case "json":
		req.Header.Set("X-Amz-Target", "test."+op.Name)
	}
	for name, value := range c.Serialized.Headers {
		req.Header.Set(name, value)
	}
	return req, body
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

// TestAnswersAsAWSClientsReadThem reads the answers of AWS's own protocol tests
// with a client made of the same tables, which shows that this client is right;
// then it reads our encoding of the same result, which must give the same.
func TestAnswersAsAWSClientsReadThem(t *testing.T) {
	each(t, "output", func(t *testing.T, s *suite, c *testCase) {
		if c.Given.Output.Shape == "" || c.Result == nil {
			t.Skip("the case has no output")
		}
		op, goType := s.operation(c)
		m := &Match{Service: op.Service, Operation: op, Protocol: testProtocols[s.Metadata.Protocol]}
		official := &http.Response{StatusCode: c.Response.StatusCode, Header: http.Header{}}
		for name, value := range c.Response.Headers {
			official.Header.Set(name, value)
		}
		want := readAnswer(t, m, goType, official, []byte(c.Response.Body))
		if !reflect.DeepEqual(want, c.Result) {
			t.Fatalf("the test's client reads %v\nfrom %s, which means %v", want, c.Response.Body, c.Result)
		}
		out := reflect.New(goType.Elem()).Interface()
		Fill(op.Output, out, any(c.Result))
		w := httptest.NewRecorder()
		if err := m.Encode(w, "request-id", out); err != nil {
			t.Fatal(err)
		}
		if got := readAnswer(t, m, goType, w.Result(), w.Body.Bytes()); !reflect.DeepEqual(got, want) {
			t.Errorf("a client reads %v\nfrom %s\nwant %v", got, w.Body, want)
		}
	})
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
