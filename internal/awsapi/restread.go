package awsapi

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// restReader decodes a request of the REST protocols: path, query string,
// headers and body each hold some of the members.
type restReader struct {
	match *Match
	req   *http.Request
	body  []byte
	query url.Values
}

func (r *restReader) decode(p *plan, v reflect.Value) error {
	var err error
	if r.query, err = parseForm(r.req.URL.RawQuery); err != nil {
		return err
	}
	for i := range p.fields {
		f := &p.fields[i]
		if err := r.bound(p, f, v.Field(f.index)); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if p.shape.Payload != "" {
		f := p.field(p.shape.Payload)
		return r.payload(f, v.Field(f.index))
	}
	return r.document(p, v)
}

// bound decodes a member that stands outside the body.
func (r *restReader) bound(p *plan, f *field, v reflect.Value) error {
	switch f.Location {
	case InURI:
		if text, ok := r.match.Params[f.wire()]; ok {
			return setText(f.plan.shape, timeFormat(f.Member, TimeISO8601), create(v), text)
		}
	case InQuery:
		if f.plan.shape.Kind == KindMap {
			return r.queryMap(p, f, v)
		}
		if texts, ok := r.query[f.wire()]; ok {
			return setTexts(f, TimeISO8601, v, texts)
		}
	case InHeader:
		if texts := r.req.Header.Values(f.wire()); len(texts) > 0 {
			return headerValue(f, v, texts)
		}
	case InHeaders:
		r.headerMap(f, v)
	}
	return nil
}

// setTexts decodes one text into a scalar, or several into a list.
func setTexts(f *field, place TimeFormat, v reflect.Value, texts []string) error {
	if f.plan.shape.Kind != KindList {
		return setText(f.plan.shape, timeFormat(f.Member, place), create(v), texts[0])
	}
	v.Set(reflect.MakeSlice(f.plan.typ, len(texts), len(texts)))
	for i, text := range texts {
		elem := f.plan.shape.Elem
		if err := setText(f.plan.elem.shape, timeFormat(elem, place), create(v.Index(i)), text); err != nil {
			return err
		}
	}
	return nil
}

// queryMap collects the parameters that no other member claims.
func (r *restReader) queryMap(p *plan, f *field, v reflect.Value) error {
	taken := map[string]bool{}
	for i := range p.fields {
		if other := &p.fields[i]; other.Location == InQuery && other != f {
			taken[other.wire()] = true
		}
	}
	if _, fixed, ok := strings.Cut(r.match.Operation.URI, "?"); ok {
		for _, pair := range strings.Split(fixed, "&") {
			name, _, _ := strings.Cut(pair, "=")
			taken[name] = true
		}
	}
	m := reflect.MakeMap(f.plan.typ)
	for name, texts := range r.query {
		if taken[name] || strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		item := reflect.New(f.plan.typ.Elem()).Elem()
		inner := field{Member: f.plan.shape.Elem, plan: f.plan.elem}
		if err := setTexts(&inner, TimeISO8601, item, texts); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(name), item)
	}
	if m.Len() > 0 {
		v.Set(m)
	}
	return nil
}

// headerValue decodes a header: JSON in base64 where the model says so, lists
// separated by commas.
func headerValue(f *field, v reflect.Value, texts []string) error {
	switch {
	case f.Is(JSONValue):
		raw, err := base64.StdEncoding.DecodeString(texts[0])
		if err != nil {
			return errors.New("header is not valid base64")
		}
		create(v).SetString(string(raw))
		return nil
	case f.plan.shape.Kind == KindList:
		dates := f.plan.elem.shape.Kind == KindTimestamp && timeFormat(f.plan.shape.Elem, TimeRFC822) == TimeRFC822
		return setTexts(f, TimeRFC822, v, splitHeader(texts, dates))
	case f.plan.shape.Kind != KindString && strings.TrimSpace(texts[0]) == "":
		return nil
	}
	return setTexts(f, TimeRFC822, v, texts)
}

// splitHeader splits a header's list at its commas, but not inside quotes nor
// in the middle of HTTP's dates, which hold one each.
func splitHeader(texts []string, dates bool) []string {
	var items []string
	for _, text := range texts {
		for text != "" {
			var item string
			item, text = nextItem(text)
			if dates && text != "" {
				var rest string
				rest, text = nextItem(text)
				item += ", " + rest
			}
			items = append(items, item)
		}
	}
	return items
}

func nextItem(text string) (item, rest string) {
	text = strings.TrimLeft(text, " \t")
	if !strings.HasPrefix(text, `"`) {
		item, rest, _ = strings.Cut(text, ",")
		return strings.TrimSpace(item), rest
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == '"':
			_, rest, _ = strings.Cut(text[i+1:], ",")
			return b.String(), rest
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), ""
}

// headerMap collects the headers with the member's prefix; their names are
// lower case, since HTTP's have no case.
func (r *restReader) headerMap(f *field, v reflect.Value) {
	prefix := strings.ToLower(f.LocationName)
	m := reflect.MakeMap(f.plan.typ)
	for name, texts := range r.req.Header {
		if key, ok := strings.CutPrefix(strings.ToLower(name), prefix); ok && len(texts) > 0 {
			m.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(strings.Join(texts, ",")))
		}
	}
	if m.Len() > 0 {
		v.Set(m)
	}
}

// payload decodes the member that is the whole body.
func (r *restReader) payload(f *field, v reflect.Value) error {
	if f.plan.typ == readerType {
		v.Set(reflect.ValueOf(r.reader()))
		return nil
	}
	if len(r.body) == 0 {
		return nil
	}
	switch f.plan.shape.Kind {
	case KindBlob:
		v.SetBytes(r.body)
		return nil
	case KindString:
		create(v).SetString(string(r.body))
		return nil
	}
	if r.match.Protocol == RestXML {
		return decodeXML(r.body, f.plan, f.Member, create(v))
	}
	return decodeJSON(r.body, f.plan, create(v))
}

func (r *restReader) reader() io.Reader {
	if r.body != nil || r.req.Body == nil {
		return bytes.NewReader(r.body)
	}
	return r.req.Body
}

// document decodes the body members that stand together in one document.
func (r *restReader) document(p *plan, v reflect.Value) error {
	if len(p.byName) == 0 {
		return nil
	}
	if r.match.Protocol == RestXML {
		return decodeXML(r.body, p, &Member{Shape: p.shape}, v)
	}
	return decodeJSON(r.body, p, v)
}
