package awsapi

import (
	"fmt"
	"io"
	"reflect"
	"time"
	"unicode"
	"unicode/utf8"
)

// A plan joins a shape to the Go type that holds it, so that codecs walk both
// at once without looking anything up. Immutable once published.
type plan struct {
	shape  *Shape
	typ    reflect.Type // of a structure the struct itself, not the pointer to it
	fields []field
	byName map[string]*field // a structure's body members by their name on the wire
	elem   *plan             // list element or map value
}

// field is one member of a structure.
type field struct {
	*Member
	index int // of the Go struct's field
	plan  *plan
	key   []byte // `"name":` for JSON
	path  string // name in validation messages: "functionName"
	first string // the same with a dot before it
}

var (
	timeType        = reflect.TypeFor[time.Time]()
	readerType      = reflect.TypeFor[io.Reader]()
	eventSourceType = reflect.TypeFor[EventSource]()
	bytesType       = reflect.TypeFor[[]byte]()
)

// planOf compiles the plan for values of type t, or finds it compiled. It
// fails only where generated code and tables disagree.
func planOf(s *Shape, t reflect.Type) (*plan, error) {
	if p := s.plan.Load(); p != nil && p.typ == t {
		return p, nil
	}
	p, err := compile(s, t, map[*Shape]*plan{})
	if err != nil {
		return nil, fmt.Errorf("awsapi: shape %s in %s: %w", s.Name, t, err)
	}
	s.plan.Store(p)
	return p, nil
}

// structPlan opens the pointer to a structure that the public functions take.
func structPlan(s *Shape, v any) (*plan, reflect.Value, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.Elem().Kind() != reflect.Struct {
		return nil, rv, fmt.Errorf("awsapi: shape %s wants a pointer to a struct, not %T", s.Name, v)
	}
	p, err := planOf(s, rv.Type().Elem())
	return p, rv.Elem(), err
}

func compile(s *Shape, t reflect.Type, done map[*Shape]*plan) (*plan, error) {
	if s.Kind == KindStructure && t != eventSourceType {
		return compileStruct(s, t, done)
	}
	p := &plan{shape: s, typ: t}
	switch s.Kind {
	case KindList:
		if t.Kind() != reflect.Slice {
			return nil, fmt.Errorf("a list needs a slice, not %s", t)
		}
		return p, p.compileElem(s.Elem.Shape, t.Elem(), done)
	case KindMap:
		if t.Kind() != reflect.Map || t.Key().Kind() != reflect.String {
			return nil, fmt.Errorf("a map needs string keys, not %s", t)
		}
		return p, p.compileElem(s.Elem.Shape, t.Elem(), done)
	}
	if !holds(s, t) {
		return nil, fmt.Errorf("%s cannot hold shape %s", t, s.Name)
	}
	return p, nil
}

func (p *plan) compileElem(s *Shape, t reflect.Type, done map[*Shape]*plan) (err error) {
	p.elem, err = compile(s, t, done)
	return err
}

func compileStruct(s *Shape, t reflect.Type, done map[*Shape]*plan) (*plan, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if p := done[s]; p != nil && p.typ == t {
		return p, nil
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("a structure needs a struct, not %s", t)
	}
	p := &plan{shape: s, typ: t, byName: map[string]*field{}}
	done[s] = p
	p.fields = make([]field, len(s.Members))
	for i := range s.Members {
		if err := p.compileField(i, done); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *plan) compileField(i int, done map[*Shape]*plan) error {
	m := &p.shape.Members[i]
	sf, ok := p.typ.FieldByName(fieldName(m.Name))
	if !ok || len(sf.Index) != 1 {
		return fmt.Errorf("%s has no field for member %s", p.typ, m.Name)
	}
	inner, err := compile(m.Shape, sf.Type, done)
	if err != nil {
		return fmt.Errorf("member %s: %w", m.Name, err)
	}
	path := lowerFirst(m.Name)
	f := &p.fields[i]
	*f = field{Member: m, index: sf.Index[0], plan: inner, path: path, first: "." + path}
	f.key = append(appendJSONString(nil, m.wire()), ':')
	if m.Location == InBody {
		p.byName[m.wire()] = f
	}
	return nil
}

// field finds a member by its model name.
func (p *plan) field(name string) *field {
	for i := range p.fields {
		if p.fields[i].Name == name {
			return &p.fields[i]
		}
	}
	return nil
}

// holds says whether a Go type, or what it points to, can hold a scalar shape.
func holds(s *Shape, t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch s.Kind {
	case KindString:
		return t.Kind() == reflect.String
	case KindInteger, KindLong:
		return t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64
	case KindFloat, KindDouble:
		return t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32
	case KindBoolean:
		return t.Kind() == reflect.Bool
	case KindTimestamp:
		return t == timeType
	case KindBlob:
		return t == bytesType || t == readerType
	}
	return t == eventSourceType
}

// fieldName is the Go name of a member, as the generator makes it.
func fieldName(member string) string {
	for member != "" && member[0] == '_' {
		member = member[1:]
	}
	r, n := utf8.DecodeRuneInString(member)
	name := []rune{unicode.ToUpper(r)}
	for _, r := range member[n:] {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' {
			name = append(name, r)
		}
	}
	return string(name)
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}

// open steps through the pointers of a member's value; ok is false when it is
// absent.
func open(v reflect.Value) (_ reflect.Value, ok bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v, false
		}
		return v.Elem(), true
	case reflect.Slice, reflect.Map, reflect.Interface, reflect.Func:
		return v, !v.IsNil()
	}
	return v, true
}

// create makes a member's value present and returns where to decode it.
func create(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	return v.Elem()
}
