package awsapi

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// modelsDir finds the module that carries AWS's models in the module cache,
// where the generator's own module has it.
func modelsDir(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "-C", "gen", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go").Output()
	dir := strings.TrimSpace(string(out))
	if err == nil && dir != "" {
		if _, err = os.Stat(dir); err == nil {
			return filepath.Join(dir, "models")
		}
	}
	t.Skip("AWS's models are not in the module cache: run `go -C internal/awsapi/gen mod download`")
	return ""
}

// testShape is a shape as the protocol tests describe it, in api-2.json's form.
type testShape struct {
	Type            string
	Members         map[string]testRef
	Member          *testRef
	Key, Value      *testRef
	Payload         string
	Location        string
	LocationName    string
	ResultWrapper   string
	Flattened       bool
	Streaming       bool
	TimestampFormat string
	XMLNamespace    any `json:"xmlNamespace"`
}

// testRef is a reference to a shape with the traits of the place.
type testRef struct {
	Shape            string
	Location         string
	LocationName     string
	QueryName        string
	Flattened        bool
	XMLAttribute     bool `json:"xmlAttribute"`
	JSONValue        bool `json:"jsonvalue"`
	Streaming        bool
	IdempotencyToken bool
	TimestampFormat  string
	XMLNamespace     any `json:"xmlNamespace"`
	Payload          string
	ResultWrapper    string
}

// maxRecursion is how far recursive test shapes are unrolled: reflect cannot
// make recursive types.
const maxRecursion = 4

// builder makes shapes with Go types to hold them.
type builder struct {
	shapes map[string]testShape
	open   map[string]int
}

var testKinds = map[string]Kind{
	"structure": KindStructure, "list": KindList, "map": KindMap, "string": KindString, "character": KindString,
	"integer": KindInteger, "long": KindLong, "float": KindFloat, "double": KindDouble,
	"boolean": KindBoolean, "timestamp": KindTimestamp, "blob": KindBlob,
}

var testTimes = map[string]TimeFormat{"iso8601": TimeISO8601, "unixTimestamp": TimeUnix, "rfc822": TimeRFC822}

var testLocations = map[string]Location{
	"header": InHeader, "headers": InHeaders, "uri": InURI, "querystring": InQuery, "statusCode": InStatus,
}

func (b *builder) build(name string) (*Shape, reflect.Type) {
	ts := b.shapes[name]
	s := &Shape{Name: name, Kind: testKinds[ts.Type], Payload: ts.Payload, Time: testTimes[ts.TimestampFormat], XML: testNamespace(ts.XMLNamespace)}
	if ts.Flattened {
		s.Traits |= Flattened
	}
	b.open[name]++
	defer func() { b.open[name]-- }()
	switch s.Kind {
	case KindStructure:
		return s, b.structure(s, ts)
	case KindList:
		elem, t := b.ref(*ts.Member, "")
		s.Elem = elem
		return s, reflect.SliceOf(elemType(elem, t))
	case KindMap:
		s.Key, _ = b.ref(*ts.Key, "")
		elem, t := b.ref(*ts.Value, "")
		s.Elem = elem
		return s, reflect.MapOf(reflect.TypeFor[string](), elemType(elem, t))
	}
	return s, scalarType(s.Kind, ts.Streaming)
}

// elemType: inside lists and maps only structures are pointers.
func elemType(m *Member, t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer && m.Shape.Kind != KindStructure {
		return t.Elem()
	}
	return t
}

func (b *builder) structure(s *Shape, ts testShape) reflect.Type {
	var fields []reflect.StructField
	for name, ref := range ts.Members {
		if b.open[ref.Shape] >= maxRecursion {
			continue
		}
		m, t := b.ref(ref, name)
		s.Members = append(s.Members, *m)
		fields = append(fields, reflect.StructField{Name: fieldName(name), Type: t})
	}
	return reflect.PointerTo(reflect.StructOf(fields))
}

func (b *builder) ref(ref testRef, name string) (*Member, reflect.Type) {
	s, t := b.build(ref.Shape)
	if shape := b.shapes[ref.Shape]; ref.Location == "" {
		ref.Location = shape.Location
	}
	if shape := b.shapes[ref.Shape]; ref.LocationName == "" && s.Kind != KindStructure {
		ref.LocationName = shape.LocationName
	}
	m := &Member{Name: name, Shape: s, Location: testLocations[ref.Location], LocationName: ref.LocationName,
		QueryName: ref.QueryName, Time: testTimes[ref.TimestampFormat], XML: testNamespace(ref.XMLNamespace)}
	for trait, on := range map[Trait]bool{Flattened: ref.Flattened, XMLAttribute: ref.XMLAttribute, JSONValue: ref.JSONValue, Streaming: ref.Streaming} {
		if on {
			m.Traits |= trait
		}
	}
	if ref.Streaming {
		t = readerType
	}
	return m, t
}

func testNamespace(v any) *XMLNamespace {
	switch v := v.(type) {
	case string:
		return &XMLNamespace{URI: v}
	case map[string]any:
		ns := &XMLNamespace{}
		ns.URI, _ = v["uri"].(string)
		ns.Prefix, _ = v["prefix"].(string)
		return ns
	}
	return nil
}

func scalarType(k Kind, streaming bool) reflect.Type {
	switch k {
	case KindBlob:
		if streaming {
			return readerType
		}
		return bytesType
	case KindString:
		return reflect.TypeFor[*string]()
	case KindBoolean:
		return reflect.TypeFor[*bool]()
	case KindTimestamp:
		return reflect.TypeFor[*time.Time]()
	case KindFloat, KindDouble:
		return reflect.TypeFor[*float64]()
	}
	return reflect.TypeFor[*int64]()
}

// generic turns a decoded value into what the test files say of it: maps,
// lists, texts and numbers.
func generic(p *plan, v reflect.Value) any {
	switch p.shape.Kind {
	case KindStructure:
		out := map[string]any{}
		for i := range p.fields {
			f := &p.fields[i]
			if inner, ok := open(v.Field(f.index)); ok {
				out[f.Name] = genericMember(f, inner)
			}
		}
		return out
	case KindList:
		out := []any{}
		for i := range v.Len() {
			inner, _ := open(v.Index(i))
			if p.shape.Elem.Is(JSONValue) {
				out = append(out, genericJSON(inner.String()))
				continue
			}
			out = append(out, generic(p.elem, inner))
		}
		return out
	case KindMap:
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			inner, _ := open(v.MapIndex(key))
			out[key.String()] = generic(p.elem, inner)
		}
		return out
	}
	return genericScalar(p, v)
}

func genericMember(f *field, v reflect.Value) any {
	if f.Is(JSONValue) {
		return genericJSON(v.String())
	}
	return generic(f.plan, v)
}

func genericJSON(text string) any {
	var out any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return fmt.Sprint("not JSON: ", text)
	}
	return out
}

func genericScalar(p *plan, v reflect.Value) any {
	switch p.shape.Kind {
	case KindBlob:
		if r, ok := v.Interface().(io.Reader); ok {
			all, _ := io.ReadAll(r)
			return string(all)
		}
		return string(v.Bytes())
	case KindTimestamp:
		return float64(v.Interface().(time.Time).UnixMilli()) / 1000
	case KindInteger, KindLong:
		return float64(v.Int())
	case KindFloat, KindDouble:
		return v.Float()
	case KindBoolean:
		return v.Bool()
	}
	return v.String()
}

// fill is generic's inverse: it puts a test file's value into v.
func fill(p *plan, m *Member, v reflect.Value, given any) {
	v = create(v)
	switch p.shape.Kind {
	case KindStructure:
		for name, inner := range given.(map[string]any) {
			if f := p.field(name); f != nil && inner != nil {
				fill(f.plan, f.Member, v.Field(f.index), inner)
			}
		}
	case KindList:
		list := given.([]any)
		v.Set(reflect.MakeSlice(p.typ, len(list), len(list)))
		for i, inner := range list {
			fill(p.elem, p.shape.Elem, v.Index(i), inner)
		}
	case KindMap:
		v.Set(reflect.MakeMap(p.typ))
		for key, inner := range given.(map[string]any) {
			item := reflect.New(p.typ.Elem()).Elem()
			fill(p.elem, p.shape.Elem, item, inner)
			v.SetMapIndex(reflect.ValueOf(key), item)
		}
	default:
		fillScalar(p, m, v, given)
	}
}

func fillScalar(p *plan, m *Member, v reflect.Value, given any) {
	switch p.shape.Kind {
	case KindBlob:
		if p.typ == readerType {
			v.Set(reflect.ValueOf(strings.NewReader(given.(string))))
			return
		}
		v.SetBytes([]byte(given.(string)))
	case KindTimestamp:
		v.Set(reflect.ValueOf(time.UnixMilli(int64(given.(float64) * 1000)).UTC()))
	case KindInteger, KindLong:
		v.SetInt(int64(given.(float64)))
	case KindFloat, KindDouble:
		v.SetFloat(given.(float64))
	case KindBoolean:
		v.SetBool(given.(bool))
	default:
		if m.Is(JSONValue) {
			text, _ := json.Marshal(given)
			given = string(text)
		}
		v.SetString(given.(string))
	}
}
