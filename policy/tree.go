package policy

import "errors"

// Node is a value of a JSON text with the place at which it stands.
type Node struct {
	Kind    byte   // one of { [ " 0 t f n
	At, End int    // the offsets of its first byte and of the one behind its last
	Text    string // of a string its value; of a number or literal its text
	Members []Member
	Items   []Node
}

// Member is a name in an object and its value. At and End are the offsets of the
// name's opening quote and of the byte behind its closing one.
type Member struct {
	Name    string
	At, End int
	Value   Node
}

// ReadJSON reads text as Parse does, which is stricter than JSON: a name must
// not stand twice in an object, and nesting has a bound. Its error is a
// *SyntaxError.
func ReadJSON(text []byte) (Node, error) {
	n, err := readJSON(text)
	var f *fault
	if errors.As(err, &f) {
		line, column := newLines(text).position(f.at)
		return Node{}, &SyntaxError{Line: line, Column: column, Reason: f.reason}
	}
	return n.public(), nil
}

func (n *node) public() Node {
	p := Node{Kind: n.kind, At: n.at, End: n.end, Text: n.text}
	for i := range n.members {
		m := &n.members[i]
		p.Members = append(p.Members, Member{Name: m.name, At: m.at, End: m.end, Value: m.value.public()})
	}
	for i := range n.items {
		p.Items = append(p.Items, n.items[i].public())
	}
	return p
}

// Member returns the value of a name in an object; the zero Node if it has none.
func (n Node) Member(name string) Node {
	for i := range n.Members {
		if n.Members[i].Name == name {
			return n.Members[i].Value
		}
	}
	return Node{}
}

// List returns the items of a list, and of another value itself alone; of the
// zero Node nothing.
func (n Node) List() []Node {
	switch n.Kind {
	case 0:
		return nil
	case '[':
		return n.Items
	}
	return []Node{n}
}
