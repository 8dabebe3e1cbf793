package awsapi

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// Bounds of a query request. A parameter costs a node of the tree for every
// part of its name, so the nodes are counted, too.
const (
	maxFormFields = 50_000
	maxFormNodes  = 50_000
	maxFormDepth  = 12 // parts of a name: Tags.member.1.Key has four
)

var errFormFields = errors.New("the request has too many parameters")

// parseForm reads application/x-www-form-urlencoded text strictly.
func parseForm(text string) (url.Values, error) {
	if strings.Count(text, "&") >= maxFormFields {
		return nil, errFormFields
	}
	return url.ParseQuery(text)
}

// formNode is a parameter and those whose names continue its own after a dot:
// Tags.member.1.Key hangs four nodes deep.
type formNode struct {
	value   string
	present bool
	kids    map[string]*formNode
}

// formTree hangs every parameter in its place.
func formTree(values url.Values) (*formNode, error) {
	root, room := &formNode{}, maxFormNodes
	for name, list := range values {
		if strings.Count(name, ".") >= maxFormDepth {
			return nil, errDepth
		}
		node := root.hang(name, &room)
		if room < 0 {
			return nil, errFormFields
		}
		if len(list) > 0 {
			node.value, node.present = list[0], true
		}
	}
	return root, nil
}

// hang gives the node of a name below n, and takes from room what is new.
func (n *formNode) hang(name string, room *int) *formNode {
	for part := range strings.SplitSeq(name, ".") {
		if n.kids[part] == nil {
			*room--
		}
		n = n.kid(part)
	}
	return n
}

func (n *formNode) kid(name string) *formNode {
	k := n.kids[name]
	if k == nil {
		k = &formNode{}
		if n.kids == nil {
			n.kids = map[string]*formNode{}
		}
		n.kids[name] = k
	}
	return k
}

// numbered gives the children named 1, 2, 3 … in order; gaps close.
func (n *formNode) numbered() ([]*formNode, error) {
	indexes := make([]int, 0, len(n.kids))
	for name := range n.kids {
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || len(name) > 9 {
			return nil, fmt.Errorf("%s is not a valid index", quoted(name))
		}
		indexes = append(indexes, i)
	}
	sort.Ints(indexes)
	items := make([]*formNode, 0, len(indexes))
	for at, i := range indexes {
		if at > 0 && i == indexes[at-1] {
			return nil, fmt.Errorf("index %d appears twice", i)
		}
		items = append(items, n.kids[strconv.Itoa(i)])
	}
	return items, checkIndexes(items)
}

// checkIndexes refuses indexes such as 01, which are not how they are written.
func checkIndexes(items []*formNode) error {
	for _, n := range items {
		if n == nil {
			return errors.New("an index has leading zeros")
		}
	}
	return nil
}

// formReader decodes a form tree; ec2 selects ec2Query's naming.
type formReader struct{ ec2 bool }

func decodeForm(values url.Values, ec2 bool, p *plan, v reflect.Value) error {
	root, err := formTree(values)
	if err != nil {
		return err
	}
	return formReader{ec2}.structure(p, v, root)
}

func (r formReader) structure(p *plan, v reflect.Value, n *formNode) error {
	for i := range p.fields {
		f := &p.fields[i]
		kid := n.kids[r.name(f)]
		if kid == nil {
			continue
		}
		if err := r.value(f.plan, f.Member, create(v.Field(f.index)), kid); err != nil {
			return fmt.Errorf("parameter %s: %w", f.Name, err)
		}
	}
	return nil
}

// name is the member's name in a form. A flattened list is called by its
// element's name where that has one.
func (r formReader) name(f *field) string {
	if r.ec2 {
		if f.QueryName != "" {
			return f.QueryName
		}
		return upperFirst(f.wire())
	}
	if f.plan.shape.Kind == KindList && f.Is(Flattened) && f.plan.shape.Elem.LocationName != "" {
		return f.plan.shape.Elem.LocationName
	}
	return f.wire()
}

func (r formReader) value(p *plan, m *Member, v reflect.Value, n *formNode) error {
	switch p.shape.Kind {
	case KindStructure:
		return r.structure(p, v, n)
	case KindList:
		return r.list(p, m, v, n)
	case KindMap:
		return r.mapping(p, m, v, n)
	}
	if !n.present {
		return errors.New("a value is expected, not a structure or list")
	}
	return setText(p.shape, timeFormat(m, TimeISO8601), v, n.value)
}

func (r formReader) list(p *plan, m *Member, v reflect.Value, n *formNode) error {
	if !r.ec2 && !m.Is(Flattened) {
		name := "member"
		if p.shape.Elem.LocationName != "" {
			name = p.shape.Elem.LocationName
		}
		n = n.kid(name)
	}
	items, err := n.numbered()
	if err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(p.typ, len(items), len(items)))
	for i, item := range items {
		if err := r.value(p.elem, p.shape.Elem, create(v.Index(i)), item); err != nil {
			return err
		}
	}
	return nil
}

func (r formReader) mapping(p *plan, m *Member, v reflect.Value, n *formNode) error {
	if !m.Is(Flattened) {
		n = n.kid("entry")
	}
	items, err := n.numbered()
	if err != nil {
		return err
	}
	v.Set(reflect.MakeMapWithSize(p.typ, len(items)))
	for _, entry := range items {
		if err := r.entry(p, v, entry); err != nil {
			return err
		}
	}
	return nil
}

func (r formReader) entry(p *plan, v reflect.Value, entry *formNode) error {
	key := entry.kids[nameOr(p.shape.Key, "key")]
	if key == nil {
		return errors.New("a map entry has no key")
	}
	item := reflect.New(p.typ.Elem()).Elem()
	if value := entry.kids[nameOr(p.shape.Elem, "value")]; value != nil {
		if err := r.value(p.elem, p.shape.Elem, create(item), value); err != nil {
			return err
		}
	} else {
		return errors.New("a map entry has no value")
	}
	v.SetMapIndex(reflect.ValueOf(key.value), item)
	return nil
}

func nameOr(m *Member, name string) string {
	if m.LocationName != "" {
		return m.LocationName
	}
	return name
}
