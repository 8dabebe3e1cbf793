package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// object is a JSON object that keeps the order of its keys, which the wire
// tables keep too.
type object struct {
	keys   []string
	values map[string]any
}

func newObject() *object { return &object{values: map[string]any{}} }

func (o *object) set(key string, v any) {
	if _, there := o.values[key]; !there {
		o.keys = append(o.keys, key)
	}
	o.values[key] = v
}

func (o *object) drop(key string) {
	delete(o.values, key)
	for i, k := range o.keys {
		if k == key {
			o.keys = append(o.keys[:i], o.keys[i+1:]...)
			return
		}
	}
}

// The accessors give a zero value for what is absent; o may be nil.

func (o *object) get(key string) any {
	if o == nil {
		return nil
	}
	return o.values[key]
}

func (o *object) object(key string) *object { v, _ := o.get(key).(*object); return v }
func (o *object) string(key string) string  { v, _ := o.get(key).(string); return v }
func (o *object) bool(key string) bool      { v, _ := o.get(key).(bool); return v }
func (o *object) has(key string) bool       { return o.get(key) != nil }

func (o *object) list(key string) []any { v, _ := o.get(key).([]any); return v }

func (o *object) number(key string) json.Number { v, _ := o.get(key).(json.Number); return v }

func readTree(path string) (*object, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.UseNumber()
	v, err := readValue(d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	o, ok := v.(*object)
	if !ok {
		return nil, fmt.Errorf("%s: not a JSON object", path)
	}
	return o, nil
}

func readValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return readObject(d)
	case json.Delim('['):
		return readList(d)
	}
	return t, nil
}

func readObject(d *json.Decoder) (any, error) {
	o := newObject()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := readValue(d)
		if err != nil {
			return nil, err
		}
		o.set(key.(string), v)
	}
	return o, closing(d)
}

func readList(d *json.Decoder) (any, error) {
	list := []any{}
	for d.More() {
		v, err := readValue(d)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, closing(d)
}

func closing(d *json.Decoder) error {
	_, err := d.Token()
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// merge lays over's members over base: objects merge, lists gain what they do
// not hold yet, null removes, anything else replaces. Keys that start with
// "//" are remarks.
func merge(base, over *object) {
	for _, key := range over.keys {
		if len(key) >= 2 && key[:2] == "//" {
			continue
		}
		switch v := over.values[key].(type) {
		case nil:
			base.drop(key)
		case *object:
			inner := base.object(key)
			if inner == nil {
				inner = newObject()
			}
			merge(inner, v)
			base.set(key, inner)
		case []any:
			base.set(key, union(base.list(key), v))
		default:
			base.set(key, v)
		}
	}
}

func union(base, more []any) []any {
	for _, v := range more {
		if !contains(base, v) {
			base = append(base, v)
		}
	}
	return base
}

func contains(list []any, v any) bool {
	s, isString := v.(string)
	for _, have := range list {
		if h, ok := have.(string); isString && ok && h == s {
			return true
		}
	}
	return false
}
