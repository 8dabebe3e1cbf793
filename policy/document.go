package policy

// Versions of the policy language; a policy without Version has the older one
// (IAM User Guide, reference_policies_elements_version.html).
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17" // has policy variables
)

// compiler carries what holds for a whole policy while it is compiled.
type compiler struct {
	kind      Kind
	variables bool // the version has policy variables
	lines     lines
	sids      map[string]bool
	keys      keyList
}

func (p *Policy) compile(root node) error {
	if int(p.kind) >= len(kindNames) {
		return faultf(0, "unknown kind of policy")
	}
	if root.kind != '{' {
		return faultf(root.at, "a policy must be a JSON object")
	}
	c := &compiler{kind: p.kind, lines: newLines(p.text), sids: map[string]bool{}}
	body, err := c.document(root)
	if err != nil {
		return err
	}
	p.statements, err = c.all(body)
	p.keys, p.variables = c.keys, c.variables
	p.openings = openings(p.statements)
	return err
}

// document reads the policy's own elements and returns its Statement.
func (c *compiler) document(root node) (node, error) {
	var body *node
	for i := range root.members {
		m := &root.members[i]
		var err error
		switch m.name {
		case "Version":
			err = c.version(m.value)
		case "Id":
			err = c.id(m)
		case "Statement":
			body = &m.value
		default:
			err = faultf(m.at, "a policy has no element %q; it has Version, Id and Statement", m.name)
		}
		if err != nil {
			return node{}, err
		}
	}
	if body == nil {
		return node{}, faultf(root.at, "the policy has no Statement")
	}
	return *body, nil
}

func (c *compiler) version(v node) error {
	if v.kind != '"' || (v.text != version2008 && v.text != version2012) {
		return faultf(v.at, "Version must be %q or %q", version2012, version2008)
	}
	c.variables = v.text == version2012
	return nil
}

func (c *compiler) id(m *member) error {
	if !c.kind.hasID() {
		return faultf(m.at, "%s must not have an Id", c.kind.indefinite())
	}
	if m.value.kind != '"' {
		return faultf(m.value.at, "Id must be a string")
	}
	return nil
}

func (c *compiler) all(body node) ([]statement, error) {
	items := []node{body}
	if body.kind == '[' {
		items = body.items
	}
	if len(items) == 0 {
		return nil, faultf(body.at, "Statement must have at least one statement")
	}
	statements := make([]statement, 0, len(items))
	for _, item := range items {
		s, err := c.statement(item)
		if err != nil {
			return nil, err
		}
		statements = append(statements, s)
	}
	return statements, nil
}

// texts returns the strings of an element that is a string or a list of them.
func texts(name string, v node) ([]node, error) {
	items := []node{v}
	if v.kind == '[' {
		items = v.items
	}
	if len(items) == 0 {
		return nil, faultf(v.at, "%s must not be an empty list", name)
	}
	for _, item := range items {
		if item.kind != '"' {
			return nil, faultf(item.at, "%s must be a string or a list of strings", name)
		}
	}
	return items, nil
}
