package awsapi

import (
	"encoding/json"
	"reflect"
	"strconv"
)

// Bounds of an audit rendering.
const (
	maxAuditText  = 4096      // bytes of one string
	maxAuditItems = 100       // elements of one list or map
	maxAuditBytes = 256 << 10 // of the whole, after which members are left out
)

const hidden = `"HIDDEN_DUE_TO_SECURITY_REASONS"`

// Redact renders v, a pointer to the Go type of shape s, for the audit log:
// JSON with members in lower camel case as CloudTrail has them, sensitive
// members hidden, blobs as {"bytes":N}, long texts and lists cut. A nil v, or
// a shape without members, gives null.
func Redact(s *Shape, v any) json.RawMessage {
	if s == nil {
		return json.RawMessage("null")
	}
	if rv := reflect.ValueOf(v); !rv.IsValid() || (rv.Kind() == reflect.Pointer && rv.IsNil()) {
		return json.RawMessage("null")
	}
	p, rv, err := structPlan(s, v)
	if err != nil {
		return json.RawMessage(`{"unreadable":true}`)
	}
	return appendRedacted(nil, p, &Member{Shape: s}, rv)
}

func appendRedacted(b []byte, p *plan, m *Member, v reflect.Value) []byte {
	switch {
	case m.Is(Sensitive):
		return append(b, hidden...)
	case p.typ == readerType || p.typ == eventSourceType:
		return append(b, `{"stream":true}`...)
	case p.shape.Kind == KindBlob:
		b = strconv.AppendInt(append(b, `{"bytes":`...), int64(v.Len()), 10)
		return append(b, '}')
	case p.shape.Kind == KindString:
		return appendJSONString(b, abridge(v.String(), maxAuditText))
	case p.shape.Kind == KindStructure:
		return redactStruct(b, p, v)
	case p.shape.Kind == KindList:
		return redactList(b, p, v)
	case p.shape.Kind == KindMap:
		return redactMap(b, p, v)
	}
	return appendJSONScalar(b, p.shape, m, v)
}

func redactStruct(b []byte, p *plan, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	for i := range p.fields {
		f := &p.fields[i]
		inner, ok := open(v.Field(f.index))
		if !ok {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		if len(b) > maxAuditBytes {
			b = append(b, `"…":"cut"`...)
			break
		}
		b = append(appendJSONString(b, f.path), ':')
		b = appendRedacted(b, f.plan, f.Member, inner)
	}
	return append(b, '}')
}

func redactList(b []byte, p *plan, v reflect.Value) []byte {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if i == maxAuditItems || len(b) > maxAuditBytes {
			b = appendJSONString(b, "… "+strconv.Itoa(v.Len()-i)+" more")
			break
		}
		b = redactElem(b, p, v.Index(i))
	}
	return append(b, ']')
}

func redactElem(b []byte, p *plan, v reflect.Value) []byte {
	inner, ok := open(v)
	if !ok {
		return append(b, "null"...)
	}
	return appendRedacted(b, p.elem, p.shape.Elem, inner)
}

func redactMap(b []byte, p *plan, v reflect.Value) []byte {
	if p.shape.Key.Is(Sensitive) {
		return append(b, hidden...)
	}
	b = append(b, '{')
	for i, key := range sortedKeys(v) {
		if i > 0 {
			b = append(b, ',')
		}
		if i == maxAuditItems || len(b) > maxAuditBytes {
			b = append(b, `"…":`...)
			b = appendJSONString(b, strconv.Itoa(v.Len()-i)+" more")
			break
		}
		b = append(appendJSONString(b, abridge(key.String(), maxAuditText)), ':')
		b = redactElem(b, p, v.MapIndex(key))
	}
	return append(b, '}')
}
