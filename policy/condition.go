package policy

import "strings"

// condition is one key of one operator of a statement's Condition. All
// conditions of a statement must hold; any of a condition's values may match
// (IAM User Guide, reference_policies_elements_condition_operators.html).
type condition struct {
	operator string // as written
	key      string // lower case
	written  string // the key as written
	values   []string
	line     int

	set      set
	negated  bool
	ifExists bool
	null     bool // the Null operator: operand is not used
	wantNull [2]bool
	operand  operand
}

// set is the qualifier for keys with several values.
type set uint8

const (
	setNone set = iota
	setAll      // ForAllValues:
	setAny      // ForAnyValue:
)

// operand compares one value of the request with the policy's values.
type operand interface {
	compare(value string, ctx Context) outcome
}

// conditions compiles a Condition element.
func (c *compiler) conditions(v node) ([]condition, error) {
	if v.kind != '{' {
		return nil, faultf(v.at, "Condition must be a JSON object")
	}
	var all []condition
	for i := range v.members {
		m := &v.members[i]
		if m.value.kind != '{' {
			return nil, faultf(m.value.at, "condition operator %s must have an object of keys", m.name)
		}
		if _, err := new(condition).readOperator(m); err != nil { // also of one without keys
			return nil, err
		}
		seen := map[string]bool{}
		for j := range m.value.members {
			cond, err := c.condition(m, &m.value.members[j])
			if err != nil {
				return nil, err
			}
			if seen[cond.key] {
				return nil, faultf(m.value.members[j].at, "condition key %q stands twice under %s; case does not tell keys apart", cond.written, m.name)
			}
			seen[cond.key] = true
			all = append(all, cond)
		}
	}
	return all, nil
}

func (c *compiler) condition(operator, key *member) (condition, error) {
	line, _ := c.lines.position(key.at)
	cond := condition{operator: operator.name, key: strings.ToLower(key.name), written: key.name, line: line}
	if !strings.Contains(key.name, ":") {
		return cond, faultf(key.at, "condition key %q must begin with a service, as in aws:SourceIp", key.name)
	}
	c.keys.add(key.name)
	items, err := conditionValues(key.value)
	if err != nil {
		return cond, err
	}
	for _, item := range items {
		cond.values = append(cond.values, item.text)
	}
	kind, err := cond.readOperator(operator)
	if err == nil {
		cond.operand, err = kind.compile(c, &cond, items)
	}
	return cond, err
}

// conditionValues returns the values of a key: strings, numbers or booleans.
func conditionValues(v node) ([]node, error) {
	items := []node{v}
	if v.kind == '[' {
		items = v.items
	}
	if len(items) == 0 {
		return nil, faultf(v.at, "a condition key must not have an empty list of values")
	}
	for _, item := range items {
		if strings.IndexByte(`"0tf`, item.kind) < 0 {
			return nil, faultf(item.at, "the value of a condition key must be a string, a number or a boolean")
		}
	}
	return items, nil
}

// holds tells whether the condition is met. deny is the effect of its
// statement, which decides what an unresolved variable means: a negated
// comparison with one holds in a Deny and fails in an Allow.
func (c *condition) holds(ctx Context, deny bool) bool {
	values, _ := ctx.Values(c.key)
	switch {
	case c.null:
		return c.wantNull[index(allEmpty(values))]
	case len(values) == 0:
		return c.ifExists || c.set == setAll || c.set == setNone && c.negated
	case c.set == setNone:
		// A key with several values and no qualifier: it equals when one
		// value does, and the negated operators are the opposite of that.
		return c.some(values, ctx, deny) && (!c.negated || c.every(values, ctx, deny))
	case allEmpty(values):
		return c.set == setAll
	case c.set == setAll:
		return c.every(values, ctx, deny)
	}
	return c.some(values, ctx, deny)
}

func (c *condition) some(values []string, ctx Context, deny bool) bool {
	for _, v := range values {
		if c.meets(v, ctx, deny) {
			return true
		}
	}
	return false
}

func (c *condition) every(values []string, ctx Context, deny bool) bool {
	for _, v := range values {
		if !c.meets(v, ctx, deny) {
			return false
		}
	}
	return true
}

func (c *condition) meets(value string, ctx Context, deny bool) bool {
	switch c.operand.compare(value, ctx) {
	case matches:
		return !c.negated
	case unresolved:
		return c.negated && deny
	}
	return c.negated
}

// allEmpty tells whether a key resolves to an empty data set: it has no values,
// or none but empty strings (reference_policies_condition-single-vs-multi-valued-context-keys.html).
func allEmpty(values []string) bool {
	for _, v := range values {
		if v != "" {
			return false
		}
	}
	return true
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}
