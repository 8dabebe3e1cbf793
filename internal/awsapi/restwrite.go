package awsapi

import (
	"encoding/base64"
	"io"
	"net/http"
	"reflect"
	"strings"
)

// restWriter encodes an answer of the REST protocols.
type restWriter struct {
	match  *Match
	w      http.ResponseWriter
	status int
}

func (r *restWriter) encode(p *plan, v reflect.Value) error {
	for i := range p.fields {
		f := &p.fields[i]
		if inner, ok := open(v.Field(f.index)); ok {
			r.bound(f, inner)
		}
	}
	if p.shape.Payload == "" {
		return r.document(p, v)
	}
	f := p.field(p.shape.Payload)
	inner, ok := open(v.Field(f.index))
	if !ok {
		r.send(nil)
		return nil
	}
	return r.payload(f, inner)
}

// bound writes a member that stands in a header or is the status.
func (r *restWriter) bound(f *field, v reflect.Value) {
	switch f.Location {
	case InStatus:
		if n := v.Int(); n >= 200 && n <= 599 {
			r.status = int(n)
		}
	case InHeader:
		r.w.Header().Set(f.wire(), headerText(f, v))
	case InHeaders:
		for _, key := range sortedKeys(v) {
			r.w.Header().Set(f.LocationName+key.String(), v.MapIndex(key).String())
		}
	}
}

func headerText(f *field, v reflect.Value) string {
	switch {
	case f.Is(JSONValue):
		return base64.StdEncoding.EncodeToString([]byte(v.String()))
	case f.plan.shape.Kind != KindList:
		return string(appendText(nil, f.plan.shape, timeFormat(f.Member, TimeRFC822), v))
	}
	items := make([]string, 0, v.Len())
	elem := f.plan.shape.Elem
	for i := range v.Len() {
		if inner, ok := open(v.Index(i)); ok {
			text := string(appendText(nil, elem.Shape, timeFormat(elem, TimeRFC822), inner))
			items = append(items, quoteItem(text, elem.Shape.Kind))
		}
	}
	return strings.Join(items, ", ")
}

func quoteItem(text string, kind Kind) string {
	if kind != KindString || !strings.ContainsAny(text, `",`) {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// payload writes the member that is the whole body.
func (r *restWriter) payload(f *field, v reflect.Value) error {
	switch {
	case f.plan.typ == eventSourceType:
		return r.match.stream(r.w, r.status, f, v.Interface().(EventSource), nil)
	case f.plan.typ == readerType:
		return r.copy(v.Interface().(io.Reader))
	case f.plan.shape.Kind == KindBlob:
		r.contentType(blobTypes[r.match.Protocol == RestXML])
		r.send(v.Bytes())
	case f.plan.shape.Kind == KindString:
		r.contentType("text/plain")
		r.send([]byte(v.String()))
	case r.match.Protocol == RestXML:
		name := nameOr(f.Member, f.plan.shape.Name)
		r.xml(f.plan, name, namespaceOf(f.Member), v)
	default:
		r.contentType("application/json")
		r.send(appendJSON(nil, f.plan, f.Member, v))
	}
	return nil
}

// blobTypes: Lambda's results, which restJson carries as blobs, are JSON, and
// AWS says so.
var blobTypes = map[bool]string{false: "application/json", true: "application/octet-stream"}

func (r *restWriter) contentType(t string) {
	if r.w.Header().Get("Content-Type") == "" {
		r.w.Header().Set("Content-Type", t)
	}
}

func (r *restWriter) copy(body io.Reader) error {
	if c, ok := body.(io.Closer); ok {
		defer c.Close()
	}
	r.contentType("application/octet-stream")
	r.w.WriteHeader(r.status)
	_, err := io.Copy(r.w, body)
	return err
}

// document writes the body members together.
func (r *restWriter) document(p *plan, v reflect.Value) error {
	switch {
	case r.status == http.StatusNoContent || r.status == http.StatusNotModified:
		r.send(nil)
	case r.match.Protocol == RestXML && len(p.byName) == 0:
		r.send(nil)
	case r.match.Protocol == RestXML:
		name := r.match.Operation.OutputName
		if name == "" {
			name = p.shape.Name
		}
		r.xml(p, name, p.shape.XML, v)
	default:
		r.w.Header().Set("Content-Type", "application/json")
		buf := getBuffer()
		buf.b = appendJSONStruct(buf.b, p, v, nil)
		r.send(buf.b)
		buf.release()
	}
	return nil
}

func (r *restWriter) xml(p *plan, name string, ns *XMLNamespace, v reflect.Value) {
	r.w.Header().Set("Content-Type", "application/xml")
	if ns == nil && r.match.Service.XMLNamespace != "" {
		ns = &XMLNamespace{URI: r.match.Service.XMLNamespace}
	}
	buf := getBuffer()
	x := xmlWriter{append(buf.b, xmlHeader...)}
	x.start(name, ns, p, v)
	x.members(p, v)
	x.close(name)
	buf.b = x.b
	r.send(buf.b)
	buf.release()
}

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func (r *restWriter) send(body []byte) { send(r.w, r.status, body) }
