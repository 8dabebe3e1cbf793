package awsapi

import (
	"reflect"
	"strings"
)

// leastHidden is the length in bytes from which HideIn takes values out: shorter
// ones are in texts by chance.
const leastHidden = 8

// HideIn gives text without the values of v, a pointer to the Go type of shape
// s, that the model marks sensitive: an error's message may repeat what it was
// given.
func HideIn(text string, s *Shape, v any) string {
	if s == nil || len(text) < leastHidden {
		return text
	}
	if rv := reflect.ValueOf(v); !rv.IsValid() || rv.Kind() == reflect.Pointer && rv.IsNil() {
		return text
	}
	p, rv, err := structPlan(s, v)
	if err != nil {
		return text
	}
	h := hider{text}
	h.member(p, &Member{Shape: s}, rv)
	return h.text
}

type hider struct{ text string }

func (h *hider) member(p *plan, m *Member, v reflect.Value) {
	if m.Is(Sensitive) {
		h.all(v)
		return
	}
	switch p.shape.Kind {
	case KindStructure:
		for i := range p.fields {
			if inner, ok := open(v.Field(p.fields[i].index)); ok {
				h.member(p.fields[i].plan, p.fields[i].Member, inner)
			}
		}
	case KindList:
		for i := range v.Len() {
			h.elem(p, v.Index(i))
		}
	case KindMap:
		for _, key := range v.MapKeys() {
			if p.shape.Key.Is(Sensitive) {
				h.all(key)
			}
			h.elem(p, v.MapIndex(key))
		}
	}
}

func (h *hider) elem(p *plan, v reflect.Value) {
	if inner, ok := open(v); ok {
		h.member(p.elem, p.shape.Elem, inner)
	}
}

// all hides every text in v.
func (h *hider) all(v reflect.Value) {
	v, ok := open(v)
	switch {
	case !ok:
	case v.Kind() == reflect.String:
		h.hide(v.String())
	case v.Type() == bytesType:
		h.hide(string(v.Bytes()))
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			h.all(v.Index(i))
		}
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			h.all(key)
			h.all(v.MapIndex(key))
		}
	case v.Kind() == reflect.Struct && v.Type() != timeType:
		for i := range v.NumField() {
			h.all(v.Field(i))
		}
	}
}

func (h *hider) hide(value string) {
	if len(value) >= leastHidden && len(value) <= len(h.text) {
		h.text = strings.ReplaceAll(h.text, value, strings.Trim(hidden, `"`))
	}
}
