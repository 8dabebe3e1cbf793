package awsapi

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// The mirror: a client made of the same tables, for properties that hold
// between the two sides.

// TypeOf makes a Go type that holds a shape. Generated code has its own; this
// serves tests that walk over every operation.
func TypeOf(s *Shape) reflect.Type {
	switch s.Kind {
	case KindStructure:
		if s.Is(EventStream) {
			return eventSourceType
		}
		fields := make([]reflect.StructField, len(s.Members))
		for i := range s.Members {
			fields[i] = reflect.StructField{Name: fieldName(s.Members[i].Name), Type: TypeOf(s.Members[i].Shape)}
		}
		return reflect.PointerTo(reflect.StructOf(fields))
	case KindList:
		return reflect.SliceOf(elemType(s.Elem, TypeOf(s.Elem.Shape)))
	case KindMap:
		return reflect.MapOf(reflect.TypeFor[string](), elemType(s.Elem, TypeOf(s.Elem.Shape)))
	}
	return scalarType(s.Kind, s.Is(Streaming))
}

// New makes a pointer to a zero value of a structure's TypeOf.
func New(s *Shape) any { return reflect.New(TypeOf(s).Elem()).Interface() }

// Generic renders a decoded structure as maps, lists, texts and numbers.
func Generic(s *Shape, v any) any {
	p, rv, err := structPlan(s, v)
	if err != nil {
		panic(err)
	}
	return generic(p, rv)
}

// Fill puts into v, a pointer to the Go type of s, what a test file says.
func Fill(s *Shape, v, given any) {
	p, rv, err := structPlan(s, v)
	if err != nil {
		panic(err)
	}
	fill(p, &Member{Shape: s}, rv, given)
}

// drawing makes random values of a shape that a protocol can carry.
type drawing struct {
	t        *rapid.T
	xml      bool // only characters that XML has
	nonEmpty bool // lists and maps hold something
}

// Draw makes a random value of a structure.
func Draw(t *rapid.T, s *Shape, p Protocol) any {
	d := drawing{t: t, xml: p == RestXML || p == Query || p == EC2Query, nonEmpty: p != JSON10 && p != JSON11 && p != CBOR}
	v := New(s)
	pl, rv, err := structPlan(s, v)
	if err != nil {
		panic(err)
	}
	d.structure(pl, rv)
	return v
}

func (d drawing) structure(p *plan, v reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		must := f.Location == InURI || d.nonEmpty && f.Traits&Required != 0
		if f.plan.typ == eventSourceType || f.Location == InStatus || !must && !rapid.Bool().Draw(d.t, f.Name) {
			continue
		}
		d.value(f.plan, f.Member, create(v.Field(f.index)))
	}
}

func (d drawing) value(p *plan, m *Member, v reflect.Value) {
	least := 0
	if d.nonEmpty {
		least = 1
	}
	switch p.shape.Kind {
	case KindStructure:
		d.structure(p, v)
		if d.nonEmpty && emptyStruct(p, v) {
			d.first(p, v)
		}
	case KindList:
		n := rapid.IntRange(least, 3).Draw(d.t, "length")
		v.Set(reflect.MakeSlice(p.typ, n, n))
		for i := range n {
			d.value(p.elem, p.shape.Elem, create(v.Index(i)))
		}
	case KindMap:
		v.Set(reflect.MakeMap(p.typ))
		for range rapid.IntRange(least, 3).Draw(d.t, "size") {
			item := reflect.New(p.typ.Elem()).Elem()
			d.value(p.elem, p.shape.Elem, create(item))
			v.SetMapIndex(reflect.ValueOf(d.text(m)), item)
		}
	default:
		d.scalar(p, m, v)
	}
}

func emptyStruct(p *plan, v reflect.Value) bool { return v.IsZero() && len(p.fields) > 0 }

func (d drawing) first(p *plan, v reflect.Value) {
	f := &p.fields[0]
	d.value(f.plan, f.Member, create(v.Field(f.index)))
}

func (d drawing) scalar(p *plan, m *Member, v reflect.Value) {
	switch p.shape.Kind {
	case KindString:
		v.SetString(d.text(m))
	case KindBlob:
		v.SetBytes(append([]byte{1}, rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(d.t, "blob")...))
	case KindBoolean:
		v.SetBool(rapid.Bool().Draw(d.t, "bool"))
	case KindInteger:
		v.SetInt(int64(rapid.Int32().Draw(d.t, "integer")))
	case KindLong:
		v.SetInt(rapid.Int64().Draw(d.t, "long"))
	case KindTimestamp:
		v.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(0, maxUnix).Draw(d.t, "time"), 0).UTC()))
	default:
		v.SetFloat(rapid.Float64().Draw(d.t, "double"))
	}
}

// text draws what the member's place can carry.
func (d drawing) text(m *Member) string {
	if m.Location == InHeader || m.Location == InHeaders || m.Location == InURI {
		return rapid.StringMatching(`[!-~]([ -~]{0,8}[!-~])?`).Draw(d.t, "token")
	}
	s := rapid.String().Draw(d.t, "text")
	if d.xml {
		w := xmlWriter{}
		w.text(s)
		if strings.ContainsRune(string(w.b), '\uFFFD') {
			return "plain"
		}
	}
	return s
}

// Request makes the HTTP request by which a client of the mirror asks for op.
func Request(op *Operation, protocol Protocol, in any) (*http.Request, []byte) {
	p, v, err := structPlan(op.Input, in)
	if err != nil {
		panic(err)
	}
	switch protocol {
	case RestJSON, RestXML:
		return restRequest(op, protocol, p, v)
	case Query, EC2Query:
		form := url.Values{"Action": {op.Name}, "Version": {op.Service.APIVersion}}
		formStruct(form, "", p, v)
		return request("POST", "/", "application/x-www-form-urlencoded", []byte(form.Encode()))
	case CBOR:
		req, body := request("POST", "/service/"+op.Service.TargetPrefix+"/operation/"+op.Name, "application/cbor", appendCBOR(nil, p, v))
		req.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
		return req, body
	}
	req, body := request("POST", "/", (&Match{Protocol: protocol}).documentType(), appendJSONStruct(nil, p, v, nil))
	req.Header.Set("X-Amz-Target", op.Service.TargetPrefix+"."+op.Name)
	return req, body
}

func request(method, uri, contentType string, body []byte) (*http.Request, []byte) {
	req := httptest.NewRequest(method, uri, bytes.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	return req, body
}

func formStruct(form url.Values, prefix string, p *plan, v reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		if inner, ok := open(v.Field(f.index)); ok {
			formValue(form, prefix+formReader{}.name(f), f.plan, f.Member, inner)
		}
	}
}

func formValue(form url.Values, name string, p *plan, m *Member, v reflect.Value) {
	switch p.shape.Kind {
	case KindStructure:
		formStruct(form, name+".", p, v)
	case KindList:
		if !m.Is(Flattened) {
			name += "." + nameOr(p.shape.Elem, "member")
		}
		for i := range v.Len() {
			inner, _ := open(v.Index(i))
			formValue(form, name+"."+strconv.Itoa(i+1), p.elem, p.shape.Elem, inner)
		}
	case KindMap:
		if !m.Is(Flattened) {
			name += ".entry"
		}
		for i, key := range sortedKeys(v) {
			at := name + "." + strconv.Itoa(i+1) + "."
			form.Set(at+nameOr(p.shape.Key, "key"), key.String())
			inner, _ := open(v.MapIndex(key))
			formValue(form, at+nameOr(p.shape.Elem, "value"), p.elem, p.shape.Elem, inner)
		}
	default:
		form.Set(name, string(appendText(nil, p.shape, timeFormat(m, TimeISO8601), v)))
	}
}

func restRequest(op *Operation, protocol Protocol, p *plan, v reflect.Value) (*http.Request, []byte) {
	path, literal, _ := strings.Cut(op.URI, "?")
	query, _ := url.ParseQuery(literal)
	header := http.Header{}
	for i := range p.fields {
		f := &p.fields[i]
		inner, ok := open(v.Field(f.index))
		if !ok {
			continue
		}
		switch f.Location {
		case InURI:
			label := string(appendText(nil, f.plan.shape, TimeISO8601, inner))
			path = strings.Replace(path, "{"+f.wire()+"}", url.PathEscape(label), 1)
		case InQuery:
			queryTexts(query, f, inner)
		case InHeader:
			header.Set(f.wire(), headerText(f, inner))
		}
	}
	body := restBody(protocol, p, v)
	req := httptest.NewRequest(op.Method, path+"?"+query.Encode(), bytes.NewReader(body))
	req.Header = header
	return req, body
}

func queryTexts(query url.Values, f *field, v reflect.Value) {
	if f.plan.shape.Kind == KindMap {
		for _, key := range sortedKeys(v) {
			query.Set(key.String(), v.MapIndex(key).String())
		}
		return
	}
	if f.plan.shape.Kind != KindList {
		query.Set(f.wire(), string(appendText(nil, f.plan.shape, timeFormat(f.Member, TimeISO8601), v)))
		return
	}
	for i := range v.Len() {
		query.Add(f.wire(), string(appendText(nil, f.plan.elem.shape, TimeISO8601, v.Index(i))))
	}
}

func restBody(protocol Protocol, p *plan, v reflect.Value) []byte {
	if p.shape.Payload != "" {
		f := p.field(p.shape.Payload)
		inner, ok := open(v.Field(f.index))
		switch {
		case !ok:
			return []byte{}
		case f.plan.shape.Kind == KindBlob:
			return inner.Bytes()
		}
		return appendJSON(nil, f.plan, f.Member, inner)
	}
	if len(p.byName) == 0 {
		return []byte{}
	}
	return (&Match{Protocol: protocol}).appendDocument(nil, p, v)
}

// ReadAnswer reads an answer of an operation as a client of the mirror does.
func ReadAnswer(op *Operation, protocol Protocol, res *http.Response, out any) error {
	p, v, err := structPlan(op.Output, out)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	m := &Match{Service: op.Service, Operation: op, Protocol: protocol}
	switch protocol {
	case Query, EC2Query:
		return readQueryAnswer(m, p, v, body)
	case CBOR:
		return decodeCBOR(body, p, v)
	case RestJSON, RestXML:
		r := restReader{match: m, req: &http.Request{URL: &url.URL{Path: "/"}, Header: res.Header}, body: body}
		if err := r.decode(p, v); err != nil {
			return err
		}
		setStatus(p, v, res.StatusCode)
		return nil
	}
	return decodeJSON(body, p, v)
}

// AllProtocols makes a copy of a service that speaks every protocol of its
// kind, so that properties can be shown on each.
func AllProtocols(s *Service) *Service {
	other := *s
	other.TargetPrefix = "Mirror_" + s.Name
	other.Protocols = []Protocol{Query, EC2Query, JSON10, JSON11, CBOR}
	if s.speaks(RestJSON) {
		other.Protocols = []Protocol{RestJSON}
	}
	other.Operations = make([]*Operation, len(s.Operations))
	for i, op := range s.Operations {
		o := *op
		o.Service = &other
		other.Operations[i] = &o
	}
	return &other
}

// Same compares two structures of one type and tells the difference.
func Same(s *Shape, a, b any) error {
	if ga, gb := Generic(s, a), Generic(s, b); !reflect.DeepEqual(ga, gb) {
		return fmt.Errorf("%v\nis not\n%v", ga, gb)
	}
	return nil
}
