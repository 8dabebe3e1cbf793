package awsapi

import (
	"encoding/base64"
	"errors"
	"math"
	"reflect"
	"strconv"
)

// decodeJSON reads a document into v, a structure. An empty document is an
// empty structure.
func decodeJSON(data []byte, p *plan, v reflect.Value) error {
	r := jsonReader{jsonScanner{data: data}}
	if r.peek() == 0 && r.pos == len(data) {
		return nil
	}
	if null, err := r.null(); err != nil {
		return err
	} else if !null {
		if err := r.structure(p, v); err != nil {
			return err
		}
	}
	return r.end()
}

// jsonReader decodes values by their plans.
type jsonReader struct{ jsonScanner }

// value decodes what is next, which is not null, into v, which is present.
func (r *jsonReader) value(p *plan, m *Member, v reflect.Value) error {
	switch p.shape.Kind {
	case KindStructure:
		return r.structure(p, v)
	case KindList:
		return r.sequence(p, v)
	case KindMap:
		return r.mapping(p, v)
	}
	return r.scalar(p.shape, m, v)
}

func (r *jsonReader) structure(p *plan, v reflect.Value) error {
	if r.peek() != '{' {
		return r.mismatch(p.shape)
	}
	return r.object(func(key []byte) error {
		f := p.byName[string(key)]
		if f == nil {
			return r.skip()
		}
		if null, err := r.null(); null || err != nil {
			return err
		}
		return r.value(f.plan, f.Member, create(v.Field(f.index)))
	})
}

func (r *jsonReader) sequence(p *plan, v reflect.Value) error {
	if r.peek() != '[' {
		return r.mismatch(p.shape)
	}
	v.Set(reflect.MakeSlice(p.typ, 0, 0))
	return r.list(func() error {
		if r.peek() == 'n' {
			return errNullElement
		}
		n := v.Len()
		if n == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(n + 1)
		v.Index(n).SetZero()
		return r.value(p.elem, p.shape.Elem, create(v.Index(n)))
	})
}

var errNullElement = errors.New("a list or map must not hold null")

func (r *jsonReader) mapping(p *plan, v reflect.Value) error {
	if r.peek() != '{' {
		return r.mismatch(p.shape)
	}
	v.Set(reflect.MakeMap(p.typ))
	return r.object(func(key []byte) error {
		name := reflect.ValueOf(string(key))
		if r.peek() == 'n' {
			return errNullElement
		}
		item := reflect.New(p.typ.Elem()).Elem()
		if err := r.value(p.elem, p.shape.Elem, create(item)); err != nil {
			return err
		}
		v.SetMapIndex(name, item)
		return nil
	})
}

func (r *jsonReader) scalar(s *Shape, m *Member, v reflect.Value) error {
	switch c := r.peek(); {
	case c == '"':
		return r.fromText(s, m, v)
	case c == 't' || c == 'f':
		return r.fromBool(s, v, c == 't')
	case c == '-' || (c >= '0' && c <= '9'):
		return r.fromNumber(s, v)
	}
	return r.mismatch(s)
}

func (r *jsonReader) fromText(s *Shape, m *Member, v reflect.Value) error {
	switch s.Kind {
	case KindString, KindBlob, KindTimestamp, KindFloat, KindDouble:
	default:
		return r.mismatch(s)
	}
	text, err := r.text()
	if err != nil {
		return err
	}
	switch s.Kind {
	case KindString:
		v.SetString(string(text))
		return nil
	case KindBlob:
		return setBase64(v, text)
	case KindTimestamp:
		return setText(s, timeFormat(m, TimeUnix), v, string(text))
	}
	f, ok := specialFloat(string(text))
	if !ok {
		return refusal("STRING_VALUE cannot be converted to " + jsonKinds[s.Kind])
	}
	v.SetFloat(f)
	return nil
}

func setBase64(v reflect.Value, text []byte) error {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(raw, text)
	if err != nil {
		return errors.New("value is not valid base64")
	}
	v.SetBytes(raw[:n])
	return nil
}

func (r *jsonReader) fromBool(s *Shape, v reflect.Value, value bool) error {
	if s.Kind != KindBoolean {
		return r.mismatch(s)
	}
	v.SetBool(value)
	return r.literal(strconv.FormatBool(value))
}

func (r *jsonReader) fromNumber(s *Shape, v reflect.Value) error {
	switch s.Kind {
	case KindInteger, KindLong, KindFloat, KindDouble, KindTimestamp:
	default:
		return r.mismatch(s)
	}
	number, err := r.number()
	if err != nil {
		return err
	}
	text := string(number)
	if s.Kind == KindInteger || s.Kind == KindLong {
		return setInt(s, v, wholeNumber(text))
	}
	return setText(s, TimeUnix, v, text)
}

// wholeNumber turns 3.0 and 1e3 into 3 and 1000; other text comes back as it is.
func wholeNumber(text string) string {
	if digits(text) || len(text) > 32 {
		return text
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return text
	}
	return strconv.FormatInt(int64(f), 10)
}

var jsonKinds = [...]string{
	KindString: "String", KindInteger: "Integer", KindLong: "Long", KindFloat: "Float", KindDouble: "Double",
	KindBoolean: "Boolean", KindTimestamp: "Timestamp", KindBlob: "Blob",
}

// refusal is an error in AWS's own words, which do not follow Go's custom.
type refusal string

func (r refusal) Error() string { return string(r) }

// mismatch words the refusal of a value of the wrong kind as AWS does.
func (r *jsonReader) mismatch(s *Shape) error {
	want := jsonKinds[s.Kind]
	switch c := r.peek(); {
	case c == '{':
		return refusal("Start of structure or map found where not expected.")
	case c == '[':
		return refusal("Start of list found where not expected.")
	case want == "" && (c == '"' || c == 't' || c == 'f' || c == 'n' || c == '-' || (c >= '0' && c <= '9')):
		return refusal("Unexpected field type")
	case c == '"':
		return refusal("STRING_VALUE cannot be converted to " + want)
	case c == 't':
		return refusal("TRUE_VALUE cannot be converted to " + want)
	case c == 'f':
		return refusal("FALSE_VALUE cannot be converted to " + want)
	case c == '-' || (c >= '0' && c <= '9'):
		return refusal("NUMBER_VALUE cannot be converted to " + want)
	}
	return r.fail()
}
