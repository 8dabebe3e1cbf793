package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"cloister/internal/awsapi"
)

// Request is an HTTP request before it is sent to a node.
type Request struct {
	Operation *awsapi.Operation
	Method    string
	Path      string // escaped, with the query
	Header    http.Header
	Body      []byte
}

// New writes in, as Maker makes it, in the first protocol of op's service.
func New(op *awsapi.Operation, in map[string]any) *Request {
	r := &Request{Operation: op, Method: "POST", Path: "/", Header: http.Header{}}
	switch protocol := op.Service.Protocols[0]; protocol {
	case awsapi.Query, awsapi.EC2Query:
		form := url.Values{"Action": {op.Name}, "Version": {op.Service.APIVersion}}
		if op.Input != nil {
			formWriter{form, protocol == awsapi.EC2Query}.structure("", op.Input, in)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		r.Body = []byte(form.Encode())
	case awsapi.JSON11:
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", op.Service.TargetPrefix+"."+op.Name)
		r.Body = document(in)
	case awsapi.RestJSON:
		r.rest(in)
	default:
		panic(fmt.Sprintf("wire: %s speaks %s, which is not written here", op.Service.Name, protocol))
	}
	return r
}

func document(in any) []byte {
	text, err := json.Marshal(in)
	if err != nil {
		panic(err) // values of Maker are all JSON's
	}
	return text
}

func wireName(m *awsapi.Member) string {
	if m.LocationName != "" {
		return m.LocationName
	}
	return m.Name
}

// formWriter writes the query protocols' forms; ec2 selects EC2's names.
type formWriter struct {
	form url.Values
	ec2  bool
}

func (w formWriter) name(m *awsapi.Member) string {
	switch name := wireName(m); {
	case !w.ec2:
		return name
	case m.QueryName != "":
		return m.QueryName
	default:
		return strings.ToUpper(name[:1]) + name[1:]
	}
}

func (w formWriter) structure(prefix string, s *awsapi.Shape, in map[string]any) {
	for i := range s.Members {
		m := &s.Members[i]
		if v, ok := in[m.Name]; ok {
			w.value(prefix+w.name(m), m, v)
		}
	}
}

func (w formWriter) value(name string, m *awsapi.Member, v any) {
	switch v := v.(type) {
	case map[string]any:
		if m.Shape.Kind == awsapi.KindStructure {
			w.structure(name+".", m.Shape, v)
			return
		}
		n := 0
		for key, value := range v {
			n++
			entry := fmt.Sprintf("%s.entry.%d.", name, n)
			w.form.Set(entry+"key", key)
			w.value(entry+"value", m.Shape.Elem, value)
		}
	case []any:
		member := ".member"
		if w.ec2 {
			member = ""
		}
		for i, item := range v {
			w.value(fmt.Sprintf("%s%s.%d", name, member, i+1), m.Shape.Elem, item)
		}
	default:
		w.form.Set(name, text(m, v))
	}
}

// text is a scalar outside a document.
func text(m *awsapi.Member, v any) string {
	switch v := v.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case float64:
		if m.Shape.Kind == awsapi.KindTimestamp {
			return time.Unix(int64(v), 0).UTC().Format(time.RFC3339)
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// rest spreads in over path, query, header and body.
func (r *Request) rest(in map[string]any) {
	op := r.Operation
	path, literal, _ := strings.Cut(op.URI, "?")
	query, _ := url.ParseQuery(literal)
	body := map[string]any{}
	r.Method = op.Method
	for i := range members(op) {
		m := &op.Input.Members[i]
		v, ok := in[m.Name]
		if !ok {
			continue
		}
		switch m.Location {
		case awsapi.InURI:
			path = strings.Replace(path, "{"+wireName(m)+"}", escapeLabel(text(m, v)), 1)
		case awsapi.InQuery:
			for _, item := range listOf(v) {
				query.Add(wireName(m), text(m, item))
			}
		case awsapi.InHeader:
			r.Header.Set(wireName(m), text(m, v))
		default:
			body[wireName(m)] = v
		}
	}
	r.Path = path
	if len(query) > 0 {
		r.Path += "?" + query.Encode()
	}
	r.payload(body)
}

func members(op *awsapi.Operation) []awsapi.Member {
	if op.Input == nil {
		return nil
	}
	return op.Input.Members
}

func listOf(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// payload writes the members that are left: one is the whole body, or all are
// members of a document.
func (r *Request) payload(body map[string]any) {
	if in := r.Operation.Input; in != nil && in.Payload != "" {
		for i := range in.Members {
			if m := &in.Members[i]; m.Name == in.Payload {
				r.whole(body[wireName(m)])
			}
		}
		return
	}
	if len(body) > 0 || HasBody(r.Operation) {
		r.Header.Set("Content-Type", "application/json")
		r.Body = document(body)
	}
}

func (r *Request) whole(v any) {
	if blob, ok := v.([]byte); ok {
		r.Body = blob
	} else if v != nil {
		r.Body = document(v)
	}
}

// HasBody says whether an input of op has anything in its body.
func HasBody(op *awsapi.Operation) bool {
	if op.Service.Protocols[0] != awsapi.RestJSON {
		return true
	}
	for _, m := range members(op) {
		if m.Location == awsapi.InBody {
			return true
		}
	}
	return false
}

// escapeLabel escapes all that RFC 3986 does not leave unreserved.
func escapeLabel(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// HTTP is r for the node at endpoint, unsigned.
func (r *Request) HTTP(endpoint string) *http.Request {
	req, err := http.NewRequest(r.Method, endpoint+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		panic(err)
	}
	req.Header = r.Header.Clone()
	return req
}

// Signed is r for the node at endpoint, signed with key.
func (r *Request) Signed(endpoint string, key aws.Credentials) *http.Request {
	req := r.HTTP(endpoint)
	sum := sha256.Sum256(r.Body)
	err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = false }).SignHTTP(context.Background(), key, req,
		hex.EncodeToString(sum[:]), r.Operation.Service.SigningName, "us-east-1", time.Now())
	if err != nil {
		panic(err)
	}
	return req
}

// ErrorCode reads the code of an error answer, in whichever protocol it is.
func ErrorCode(res *http.Response, body []byte) string {
	if code := res.Header.Get("X-Amzn-Errortype"); code != "" {
		return shortCode(code)
	}
	var doc struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(body, &doc) == nil && doc.Type != "" {
		return shortCode(doc.Type)
	}
	_, rest, _ := strings.Cut(string(body), "<Code>")
	code, _, _ := strings.Cut(rest, "</Code>")
	return code
}

// shortCode leaves out the namespace before, and the address after, a code.
func shortCode(code string) string {
	if _, after, ok := strings.Cut(code, "#"); ok {
		code = after
	}
	code, _, _ = strings.Cut(code, ":")
	return code
}

// Names are the keys of a map, sorted.
func Names[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
