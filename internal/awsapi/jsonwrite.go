package awsapi

import (
	"encoding/base64"
	"math"
	"reflect"
	"sort"
	"time"
	"unicode/utf8"
)

// appendJSON encodes v, which is present, as JSON. m is the member it came
// through, for its timestamp format.
func appendJSON(b []byte, p *plan, m *Member, v reflect.Value) []byte {
	switch p.shape.Kind {
	case KindStructure:
		return appendJSONStruct(b, p, v, nil)
	case KindList:
		return appendJSONList(b, p, v)
	case KindMap:
		return appendJSONMap(b, p, v)
	}
	return appendJSONScalar(b, p.shape, m, v)
}

// appendJSONStruct writes the body members that are present; extra, when given,
// is the start of the object's text.
func appendJSONStruct(b []byte, p *plan, v reflect.Value, extra []byte) []byte {
	b = append(b, '{')
	b = append(b, extra...)
	first := len(extra) == 0
	for i := range p.fields {
		f := &p.fields[i]
		if f.Location != InBody {
			continue
		}
		inner, ok := open(v.Field(f.index))
		if !ok {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, f.key...)
		b = appendJSON(b, f.plan, f.Member, inner)
	}
	return append(b, '}')
}

func appendJSONList(b []byte, p *plan, v reflect.Value) []byte {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONElem(b, p, v.Index(i))
	}
	return append(b, ']')
}

func appendJSONElem(b []byte, p *plan, v reflect.Value) []byte {
	inner, ok := open(v)
	if !ok {
		return append(b, "null"...)
	}
	return appendJSON(b, p.elem, p.shape.Elem, inner)
}

func appendJSONMap(b []byte, p *plan, v reflect.Value) []byte {
	b = append(b, '{')
	for i, key := range sortedKeys(v) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, key.String())
		b = append(b, ':')
		b = appendJSONElem(b, p, v.MapIndex(key))
	}
	return append(b, '}')
}

// sortedKeys makes every encoding of a map the same.
func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	return keys
}

func appendJSONScalar(b []byte, s *Shape, m *Member, v reflect.Value) []byte {
	switch s.Kind {
	case KindString:
		return appendJSONString(b, v.String())
	case KindBlob:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	case KindTimestamp:
		tf := timeFormat(m, TimeUnix)
		if tf == TimeUnix {
			return appendTime(b, tf, v.Interface().(time.Time))
		}
		b = append(b, '"')
		b = appendTime(b, tf, v.Interface().(time.Time))
		return append(b, '"')
	case KindFloat, KindDouble:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			b = append(b, '"')
			b = appendFloat(b, f)
			return append(b, '"')
		}
	}
	return appendText(b, s, TimeUnix, v)
}

const hex = "0123456789abcdef"

// appendJSONString quotes s; what is not UTF-8 becomes U+FFFD.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		b = appendJSONEscape(b, c)
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendJSONEscape(b []byte, c byte) []byte {
	switch {
	case c >= utf8.RuneSelf:
		return append(b, `\ufffd`...)
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c == '\n':
		return append(b, '\\', 'n')
	case c == '\r':
		return append(b, '\\', 'r')
	case c == '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
