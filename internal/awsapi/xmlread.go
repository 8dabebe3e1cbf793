package awsapi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// xmlNode is an element of a parsed document.
type xmlNode struct {
	name  string
	attrs []xml.Attr
	kids  []*xmlNode
	text  strings.Builder
}

// parseXML reads one document. Entities beyond XML's own five and directives
// are refused or ignored by the tokenizer; depth is bounded here.
func parseXML(data []byte) (*xmlNode, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	var root *xmlNode
	var stack []*xmlNode
	for {
		token, err := d.Token()
		if err == io.EOF && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, xmlError(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			n := &xmlNode{name: t.Name.Local, attrs: t.Attr}
			if len(stack) == maxDepth {
				return nil, errDepth
			}
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				top.kids = append(top.kids, n)
			} else if root != nil {
				return nil, errors.New("the document has more than one root element")
			} else {
				root = n
			}
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text.Write(t)
			}
		}
	}
}

func xmlError(err error) error {
	if err == io.EOF {
		return errors.New("the document has no root element")
	}
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("the XML is not well-formed at line %d: %s", syntax.Line, syntax.Msg)
	}
	return err
}

// decodeXML reads a document's root element into v.
func decodeXML(data []byte, p *plan, m *Member, v reflect.Value) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	root, err := parseXML(data)
	if err != nil {
		return err
	}
	return xmlValue(p, m, v, root)
}

func xmlStructure(p *plan, v reflect.Value, n *xmlNode) error {
	for i := range p.fields {
		f := &p.fields[i]
		if f.Is(XMLAttribute) {
			if err := xmlAttribute(f, v, n); err != nil {
				return err
			}
			continue
		}
		if f.Location != InBody {
			continue
		}
		if err := xmlMember(f, v.Field(f.index), n); err != nil {
			return fmt.Errorf("element %s: %w", f.wire(), err)
		}
	}
	return nil
}

func xmlAttribute(f *field, v reflect.Value, n *xmlNode) error {
	_, local, found := strings.Cut(f.wire(), ":")
	if !found {
		local = f.wire()
	}
	for _, a := range n.attrs {
		if a.Name.Local == local && a.Name.Space != "xmlns" {
			return setText(f.plan.shape, timeFormat(f.Member, TimeISO8601), create(v.Field(f.index)), a.Value)
		}
	}
	return nil
}

// xmlMember finds a member's elements among n's children and decodes them.
func xmlMember(f *field, v reflect.Value, n *xmlNode) error {
	flat := f.Is(Flattened)
	switch {
	case flat && f.plan.shape.Kind == KindList:
		if items := n.named(nameOr(f.plan.shape.Elem, f.wire())); len(items) > 0 {
			return xmlList(f.plan, v, items)
		}
	case flat && f.plan.shape.Kind == KindMap:
		if items := n.named(f.wire()); len(items) > 0 {
			return xmlMap(f.plan, v, items)
		}
	default:
		if items := n.named(f.wire()); len(items) > 0 {
			return xmlValue(f.plan, f.Member, create(v), items[0])
		}
	}
	return nil
}

func (n *xmlNode) named(name string) []*xmlNode {
	var found []*xmlNode
	for _, k := range n.kids {
		if k.name == name {
			found = append(found, k)
		}
	}
	return found
}

func xmlValue(p *plan, m *Member, v reflect.Value, n *xmlNode) error {
	switch p.shape.Kind {
	case KindStructure:
		return xmlStructure(p, v, n)
	case KindList:
		return xmlList(p, v, n.named(nameOr(p.shape.Elem, "member")))
	case KindMap:
		return xmlMap(p, v, n.named("entry"))
	}
	if len(n.kids) > 0 {
		return errors.New("a value is expected, not an element")
	}
	text := n.text.String()
	if p.shape.Kind != KindString {
		text = strings.TrimSpace(text)
	}
	return setText(p.shape, timeFormat(m, TimeISO8601), v, text)
}

func xmlList(p *plan, v reflect.Value, items []*xmlNode) error {
	v.Set(reflect.MakeSlice(p.typ, len(items), len(items)))
	for i, item := range items {
		if err := xmlValue(p.elem, p.shape.Elem, create(v.Index(i)), item); err != nil {
			return err
		}
	}
	return nil
}

func xmlMap(p *plan, v reflect.Value, entries []*xmlNode) error {
	v.Set(reflect.MakeMapWithSize(p.typ, len(entries)))
	for _, entry := range entries {
		keys, values := entry.named(nameOr(p.shape.Key, "key")), entry.named(nameOr(p.shape.Elem, "value"))
		if len(keys) != 1 || len(values) != 1 {
			return errors.New("a map entry needs one key and one value")
		}
		item := reflect.New(p.typ.Elem()).Elem()
		if err := xmlValue(p.elem, p.shape.Elem, create(item), values[0]); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(keys[0].text.String()), item)
	}
	return nil
}
