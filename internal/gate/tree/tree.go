// Package tree holds JSON documents as the Java libraries behind API Gateway's
// mapping templates hold them: objects that keep the order of their members,
// lists, whole numbers apart from others; how Java writes them; and JSONPath over
// them (Jayway's, which API Gateway names). Everything is bounded and nothing
// panics, whatever the document or the path.
//
// A value is nil, bool, string, int64, float64, [BigNumber], *[Map], *[List] or [Entry].
// Others are written as nothing. Maps and lists are not safe for
// concurrent use.
package tree

import "slices"

// BigNumber is a number that neither an int64 nor a float64 holds, as written.
type BigNumber string

// Map is an object whose members keep their order.
type Map struct {
	keys   []string
	values map[string]any
}

// NewMap makes an empty map.
func NewMap() *Map { return &Map{values: map[string]any{}} }

// Get is the member's value; nil if there is none.
func (m *Map) Get(key string) any { return m.values[key] }

// Has says whether there is such a member, be it null.
func (m *Map) Has(key string) bool {
	_, ok := m.values[key]
	return ok
}

// Put sets a member, whose place it keeps if it was there.
func (m *Map) Put(key string, v any) {
	if !m.Has(key) {
		m.keys = append(m.keys, key)
	}
	m.values[key] = v
}

// Delete takes a member away.
func (m *Map) Delete(key string) {
	if !m.Has(key) {
		return
	}
	delete(m.values, key)
	m.keys = slices.DeleteFunc(m.keys, func(k string) bool { return k == key })
}

// Clear takes all members away.
func (m *Map) Clear() { m.keys, m.values = nil, map[string]any{} }

// Keys are the members' names in their order. They are not to be changed.
func (m *Map) Keys() []string { return m.keys }

// Len is how many members there are.
func (m *Map) Len() int { return len(m.keys) }

// An Entry is a member of a map, as entrySet gives it.
type Entry struct {
	Of  *Map
	Key string
}

// Value is the member's value as it is now.
func (e Entry) Value() any { return e.Of.Get(e.Key) }

// List is an array.
type List struct {
	Items []any
	// Plain lists are Java's own and write as [a, b]; a document's write as JSON.
	Plain bool
}

// Copy copies maps and lists all the way down, to the depth that documents may have.
func Copy(v any) any { return copied(v, maxDepth) }

func copied(v any, depth int) any {
	if depth == 0 {
		return nil
	}
	switch v := v.(type) {
	case *Map:
		to := NewMap()
		for _, k := range v.keys {
			to.Put(k, copied(v.values[k], depth-1))
		}
		return to
	case *List:
		to := &List{Items: make([]any, len(v.Items)), Plain: v.Plain}
		for i, item := range v.Items {
			to.Items[i] = copied(item, depth-1)
		}
		return to
	}
	return v
}
