package lint

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"cloister/policy"
)

// values checks what a key is compared with.
func (c *checker) values(t *test) {
	items := t.values.list()
	if len(items) == 0 {
		c.none(t)
		return
	}
	kinds := map[byte]bool{}
	for _, item := range items {
		switch item.Kind {
		case '"', '0':
			kinds[item.Kind] = true
		case 't', 'f':
			kinds['t'] = true
		default:
			c.at(item, "DATA_TYPE_MISMATCH", "string")
			return
		}
	}
	if len(kinds) > 1 {
		c.at(t.values, "INVALID_CONDITION_DATA_TYPE")
	}
	if len(items) > 1 && (t.kind() == "Bool" || t.kind() == "Null") {
		c.at(t.values, "INVALID_CONDITION_MULTIPLE_BOOLEAN")
	}
	for _, item := range items {
		c.operand(t, item)
	}
	c.together(t, items)
}

// none reports an empty list, by what it means.
func (c *checker) none(t *test) {
	code := "EMPTY_ARRAY_CONDITION"
	switch {
	case t.set != "":
		code += "_" + strings.ToUpper(t.set)
	case t.ifExists:
		code += "_IFEXISTS"
	}
	c.at(t.values, code, t.member.Name)
}

func (c *checker) operand(t *test, v value) {
	hasVariable := strings.Contains(v.Text, "${")
	switch t.kind() {
	case "String", "ARN":
		c.variables(v)
		if t.kind() == "String" && !strings.HasSuffix(t.name, "Like") && wildcard(v.Text) {
			c.at(v, "WILDCARD_WITHOUT_LIKE_OPERATOR")
		}
		c.form(t, v)
		return
	case "Null":
	default:
		if hasVariable {
			c.at(v, "INVALID_VARIABLE_FOR_OPERATOR")
			return
		}
	}
	c.literal(t, v)
}

// wildcard says whether text has * or ? that a variable does not stand for.
func wildcard(text string) bool {
	return strings.ContainsAny(strings.NewReplacer("${*}", "", "${?}", "").Replace(text), "*?")
}

var (
	vpc  = regexp.MustCompile(`^vpc-([0-9a-z]{8}|[0-9a-z]{17})$`)
	vpce = regexp.MustCompile(`^vpce-([0-9a-z]{8}|[0-9a-z]{17})$`)
)

// form checks the values of keys that have a form of their own.
func (c *checker) form(t *test, v value) {
	switch open := wildcard(v.Text) || strings.Contains(v.Text, "${"); {
	case open || v.Text == "":
	case t.key == "aws:sourcevpc" && !vpc.MatchString(v.Text):
		c.at(v, "INVALID_VPC_FORMAT")
	case t.key == "aws:sourcevpce" && !vpce.MatchString(v.Text):
		c.at(v, "INVALID_VPCE_FORMAT")
	}
}

// literal checks that a value is of the operator's type.
func (c *checker) literal(t *test, v value) {
	switch t.kind() {
	case "Bool", "Null":
		if !strings.EqualFold(v.Text, "true") && !strings.EqualFold(v.Text, "false") {
			c.at(v, "TYPE_MISMATCH_BOOLEAN", t.name)
		}
	case "Numeric":
		if _, err := strconv.ParseFloat(v.Text, 64); err != nil {
			c.at(v, "TYPE_MISMATCH_NUMBER", t.name)
		}
	case "Date":
		c.date(t, v)
	case "Binary":
		if !evaluates(t, v) {
			c.at(v, "TYPE_MISMATCH_STRING", t.name)
		}
	case "IPAddress":
		c.address(t, v)
	}
}

func (c *checker) date(t *test, v value) {
	switch {
	case !evaluates(t, v):
		c.at(v, "TYPE_MISMATCH_DATE")
	case len(v.Text) > 4 && strings.Trim(v.Text, digits+".-") == "" && strings.Count(v.Text, "-") == 0 && t.key != "aws:epochtime":
		c.at(v, "INVALID_DATE_VALUE", v.Text)
	}
}

// evaluates says whether the evaluator takes the value for the operator.
func evaluates(t *test, v value) bool {
	_, err := policy.Parse(policy.KindIdentity, []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"`+
		t.name+`":{"a:b":`+strconv.Quote(v.Text)+`}}}}`))
	return err == nil
}

func (c *checker) address(t *test, v value) {
	if _, err := netip.ParseAddr(v.Text); err == nil {
		return
	}
	switch p, err := netip.ParsePrefix(v.Text); {
	case err != nil:
		c.at(v, "TYPE_MISMATCH_IP_RANGE", t.name)
	case p != p.Masked():
		c.at(v, "IMPROVE_IP_RANGE", p.Masked())
	}
}

// together reports values that make each other needless.
func (c *checker) together(t *test, items []value) {
	less, more := strings.HasPrefix(t.name, "NumericLess"), strings.HasPrefix(t.name, "NumericGreater")
	switch {
	case len(items) > 1 && less:
		c.at(t.values, "REDUNDANT_CONDITION_VALUE_NUM", t.name, "greatest", t.member.Name)
	case len(items) > 1 && more:
		c.at(t.values, "REDUNDANT_CONDITION_VALUE_NUM", t.name, "least", t.member.Name)
	}
	for _, item := range items {
		any := strings.HasSuffix(t.name, "Like") && item.Text != "" && strings.Trim(item.Text, "*") == ""
		switch {
		case !any || t.set != "":
		case t.negated():
			c.at(item, "REDUNDANT_STATEMENT_DUE_TO_WILDCARD_IN_CONDITION", t.member.Name, t.written)
		case t.ifExists:
			c.at(item, "REDUNDANT_KEY_DUE_TO_WILDCARD_IN_CONDITION", t.member.Name, t.written)
		default:
			c.at(item, "EQUIVALENT_TO_NULL_FALSE", t.member.Name, t.written, t.member.Name)
		}
	}
}
