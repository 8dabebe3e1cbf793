package lint

import (
	"strings"

	"cloister/policy"
)

// operatorTypes are the operators and what they compare.
var operatorTypes = map[string]string{"Bool": "Bool", "BinaryEquals": "Binary", "IpAddress": "IPAddress", "NotIpAddress": "IPAddress", "Null": "Null"}

func init() {
	for _, name := range strings.Fields("Equals NotEquals EqualsIgnoreCase NotEqualsIgnoreCase Like NotLike") {
		operatorTypes["String"+name] = "String"
	}
	for _, name := range strings.Fields("Equals Like NotEquals NotLike") {
		operatorTypes["Arn"+name] = "ARN"
	}
	for _, name := range strings.Fields("Equals NotEquals LessThan LessThanEquals GreaterThan GreaterThanEquals") {
		operatorTypes["Numeric"+name], operatorTypes["Date"+name] = "Numeric", "Date"
	}
}

// operator is a condition operator, in parts.
type operator struct {
	written  string
	set      string // ForAllValues, ForAnyValue or ""
	name     string
	ifExists bool
}

func parseOperator(written string) operator {
	o := operator{written: written, name: written}
	for _, set := range []string{"ForAllValues", "ForAnyValue"} {
		if rest, ok := strings.CutPrefix(o.name, set+":"); ok {
			o.set, o.name = set, rest
		}
	}
	o.name, o.ifExists = strings.CutSuffix(o.name, "IfExists")
	return o
}

func (o operator) kind() string { return operatorTypes[o.name] }

func (o operator) negated() bool { return strings.Contains(o.name, "Not") }

// test is one key of an operator with its values.
type test struct {
	operator
	statement value
	member    *policy.Member
	block     value // the operator's object
	values    value
	key       string // lower case
}

func (c *checker) condition(s value) {
	v, ok := s.get("Condition")
	switch {
	case !ok:
		return
	case v.Kind != '{':
		c.at(v, "DATA_TYPE_MISMATCH", "object")
		return
	case len(v.Members) == 0:
		c.at(v, "EMPTY_OBJECT_CONDITION")
	}
	for i := range v.Members {
		c.operator(s, v, &v.Members[i])
	}
	c.paired(v)
}

func (c *checker) operator(s, condition value, m *policy.Member) {
	o, block := parseOperator(m.Name), condition.member(m)
	switch {
	case o.kind() == "":
		c.report("INVALID_CONDITION_OPERATOR", []Location{c.name(condition, m)}, m.Name)
		return
	case o.kind() == "Null" && o.ifExists:
		c.report("NULL_WITH_IF_EXISTS", []Location{c.name(condition, m)})
	case o.kind() == "Null" && o.set != "":
		c.report("NULL_WITH_QUALIFIER", []Location{c.name(condition, m)})
	}
	if block.Kind != '{' {
		c.at(block, "DATA_TYPE_MISMATCH", "object")
		return
	}
	seen := map[string]bool{}
	for i := range block.Members {
		m := &block.Members[i]
		t := &test{operator: o, statement: s, member: m, block: block, values: block.member(m), key: strings.ToLower(m.Name)}
		if seen[t.key] {
			c.report("DUPLICATE_KEYS_WITH_DIFFERENT_CASE", []Location{c.keyOf(t)}, m.Name)
		}
		seen[t.key] = true
		c.values(t)
		c.key(t)
	}
}

// keyOf is the location of the name of a condition key.
func (c *checker) keyOf(t *test) Location { return c.name(t.block, t.member) }

// paired reports keys that need another beside them: a private address means
// something only within its VPC.
func (c *checker) paired(condition value) {
	var address *Location
	vpc := false
	for i := range condition.Members {
		block := condition.member(&condition.Members[i])
		for j := range block.Members {
			switch m := &block.Members[j]; strings.ToLower(m.Name) {
			case "aws:vpcsourceip":
				at := c.name(block, m)
				address = &at
			case "aws:sourcevpc", "aws:sourcevpce", "aws:sourcevpcarn":
				vpc = true
			}
		}
	}
	if address != nil && !vpc {
		c.report("MISSING_PAIRED_CONDITION_KEYS", []Location{*address}, "aws:VpcSourceIp", "aws:SourceVpc")
	}
}
