package awsapi

import (
	"reflect"
	"unicode/utf8"
)

// xmlWriter appends XML text.
type xmlWriter struct{ b []byte }

func (w *xmlWriter) open(name string) { w.b = append(append(append(w.b, '<'), name...), '>') }

func (w *xmlWriter) close(name string) { w.b = append(append(append(w.b, "</"...), name...), '>') }

func (w *xmlWriter) leaf(name, text string) {
	w.open(name)
	w.text(text)
	w.close(name)
}

// start opens an element with a namespace and, for a structure, its attributes.
func (w *xmlWriter) start(name string, ns *XMLNamespace, p *plan, v reflect.Value) {
	w.b = append(append(w.b, '<'), name...)
	w.namespace(ns)
	if p != nil && p.shape.Kind == KindStructure {
		w.attributes(p, v)
	}
	w.b = append(w.b, '>')
}

func (w *xmlWriter) namespace(ns *XMLNamespace) {
	if ns == nil || ns.URI == "" {
		return
	}
	name := "xmlns"
	if ns.Prefix != "" {
		name += ":" + ns.Prefix
	}
	w.attribute(name, ns.URI)
}

func (w *xmlWriter) attribute(name, value string) {
	w.b = append(append(append(w.b, ' '), name...), `="`...)
	w.text(value)
	w.b = append(w.b, '"')
}

func (w *xmlWriter) attributes(p *plan, v reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		if !f.Is(XMLAttribute) {
			continue
		}
		if inner, ok := open(v.Field(f.index)); ok {
			w.attribute(f.wire(), string(appendText(nil, f.plan.shape, timeFormat(f.Member, TimeISO8601), inner)))
		}
	}
}

// members writes a structure's body members; name gives each its element's.
func (w *xmlWriter) members(p *plan, v reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		if f.Location != InBody || f.Is(XMLAttribute) {
			continue
		}
		if inner, ok := open(v.Field(f.index)); ok {
			w.member(f.plan, f.Member, f.wire(), inner)
		}
	}
}

// member writes a present value as an element, or as several when flattened.
func (w *xmlWriter) member(p *plan, m *Member, name string, v reflect.Value) {
	switch flat := m.Is(Flattened); {
	case p.shape.Kind == KindList && flat:
		w.items(p, nameOr(p.shape.Elem, name), v)
	case p.shape.Kind == KindMap && flat:
		w.entries(p, name, v)
	default:
		w.start(name, namespaceOf(m), p, v)
		w.content(p, m, v)
		w.close(name)
	}
}

// namespaceOf is the namespace that a member declares, or its shape.
func namespaceOf(m *Member) *XMLNamespace {
	if m.XML != nil {
		return m.XML
	}
	return m.Shape.XML
}

func (w *xmlWriter) content(p *plan, m *Member, v reflect.Value) {
	switch p.shape.Kind {
	case KindStructure:
		w.members(p, v)
	case KindList:
		w.items(p, nameOr(p.shape.Elem, "member"), v)
	case KindMap:
		w.entries(p, "entry", v)
	case KindString:
		w.text(v.String())
	default:
		w.b = appendText(w.b, p.shape, timeFormat(m, TimeISO8601), v)
	}
}

func (w *xmlWriter) items(p *plan, name string, v reflect.Value) {
	for i := range v.Len() {
		if inner, ok := open(v.Index(i)); ok {
			w.member(p.elem, p.shape.Elem, name, inner)
		}
	}
}

func (w *xmlWriter) entries(p *plan, name string, v reflect.Value) {
	for _, key := range sortedKeys(v) {
		w.open(name)
		w.leaf(nameOr(p.shape.Key, "key"), key.String())
		if inner, ok := open(v.MapIndex(key)); ok {
			w.member(p.elem, p.shape.Elem, nameOr(p.shape.Elem, "value"), inner)
		}
		w.close(name)
	}
}

// text escapes character data. What XML 1.0 cannot say becomes U+FFFD.
func (w *xmlWriter) text(s string) {
	start := 0
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		escape := xmlEscape(r, size)
		if escape != "" {
			w.b = append(append(w.b, s[start:i]...), escape...)
			start = i + size
		}
		i += size
	}
	w.b = append(w.b, s[start:]...)
}

func xmlEscape(r rune, size int) string {
	switch {
	case r == '&':
		return "&amp;"
	case r == '<':
		return "&lt;"
	case r == '>':
		return "&gt;"
	case r == '"':
		return "&quot;"
	case r == '\r':
		return "&#xD;"
	case r == utf8.RuneError && size == 1, r < ' ' && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
		return "\uFFFD"
	}
	return ""
}
