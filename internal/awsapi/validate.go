package awsapi

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a validation message.
const (
	maxViolations  = 50  // listed; all are counted
	maxShownValue  = 256 // runes of a value
	maxPathElement = 100 // runes of a map's key inside a path
)

// Validate checks in, a pointer to the operation's input type, against the
// model and collects every violation in AWS's wording. Values of sensitive
// members are not shown.
func Validate(op *Operation, in any) *Error {
	if op.Input == nil {
		return nil
	}
	p, v, err := structPlan(op.Input, in)
	if err != nil {
		return &Error{Code: "InternalFailure", Message: "The request could not be checked.", Cause: err}
	}
	c := checker{}
	c.structure(p, v, "")
	if c.absent != "" && op.Service.speaks(EC2Query) {
		return Errorf("MissingParameter", "The request must contain the parameter %s", c.absent)
	}
	return c.verdict(op.Service.ValidationCode)
}

// checker collects violations.
type checker struct {
	count  int
	found  []string
	absent string // the first required member that is not given
}

func (c *checker) verdict(code string) *Error {
	if c.count == 0 {
		return nil
	}
	if code == "" {
		code = "ValidationException"
	}
	plural := "s"
	if c.count == 1 {
		plural = ""
	}
	return Errorf(code, "%d validation error%s detected: %s", c.count, plural, strings.Join(c.found, "; "))
}

// violate records a violation; value is as AWS prints it, "" to hide it.
func (c *checker) violate(value, path, constraint string) {
	c.count++
	if len(c.found) < maxViolations {
		c.found = append(c.found, "Value "+value+"at '"+path+"' failed to satisfy constraint: "+constraint)
	}
}

func (c *checker) structure(p *plan, v reflect.Value, path string) {
	for i := range p.fields {
		f := &p.fields[i]
		inner, ok := open(v.Field(f.index))
		if !ok {
			if f.Traits&Required != 0 {
				c.absent = cmp.Or(c.absent, f.LocationName, f.under(path))
				c.violate("null ", f.under(path), "Member must not be null")
			}
			continue
		}
		if f.plan.trivial() {
			continue
		}
		c.value(f.plan, f.Member, inner, f.under(path))
	}
}

// under is the field's path below another.
func (f *field) under(path string) string {
	if path == "" {
		return f.path
	}
	return path + f.first
}

// trivial plans have nothing to check: scalars without limits.
func (p *plan) trivial() bool {
	return p.shape.Limits == nil && p.elem == nil && p.fields == nil
}

func (c *checker) value(p *plan, m *Member, v reflect.Value, path string) {
	if p.shape.Limits != nil {
		for _, broken := range broken(p.shape, v) {
			c.violate(shown(p, m, v), path, broken)
		}
	}
	switch p.shape.Kind {
	case KindStructure:
		c.structure(p, v, path)
	case KindList:
		c.list(p, m, v, path)
	case KindMap:
		c.mapping(p, m, v, path)
	}
}

// list checks elements: structures each on their path, scalars together as
// one violation of the list.
func (c *checker) list(p *plan, m *Member, v reflect.Value, path string) {
	if p.elem.trivial() {
		return
	}
	for i := range v.Len() {
		inner, ok := open(v.Index(i))
		switch {
		case !ok:
			c.violate("null ", path+"."+strconv.Itoa(i+1)+".member", "Member must not be null")
		case !p.elem.scalar():
			c.value(p.elem, p.shape.Elem, inner, path+"."+strconv.Itoa(i+1)+".member")
		case len(broken(p.elem.shape, inner)) > 0:
			c.violate(shown(p, m, v), path, "Member must satisfy constraint: "+constraints(p.elem.shape))
			return
		}
	}
}

func (p *plan) scalar() bool { return p.elem == nil && p.shape.Kind != KindStructure }

func (c *checker) mapping(p *plan, m *Member, v reflect.Value, path string) {
	if p.elem.trivial() && p.shape.Key.Shape.Limits == nil {
		return
	}
	keysBroken, valuesBroken := false, false
	for _, key := range sortedKeys(v) {
		keysBroken = keysBroken || len(broken(p.shape.Key.Shape, key)) > 0
		inner, ok := open(v.MapIndex(key))
		switch {
		case !ok:
			valuesBroken = true
		case !p.elem.scalar():
			c.value(p.elem, p.shape.Elem, inner, path+"."+pathKey(p, key.String())+".member")
		default:
			valuesBroken = valuesBroken || len(broken(p.elem.shape, inner)) > 0
		}
	}
	if keysBroken {
		c.violate(shown(p, m, v), path, "Map keys must satisfy constraint: "+constraints(p.shape.Key.Shape))
	}
	if valuesBroken {
		c.violate(shown(p, m, v), path, "Map value must satisfy constraint: "+constraints(p.elem.shape))
	}
}

// pathKey is a map's key as a part of a path; a sensitive one is not shown.
func pathKey(p *plan, key string) string {
	if p.shape.Key.Is(Sensitive) {
		return "key"
	}
	return abridge(key, maxPathElement)
}

// broken lists the limits that a present value does not keep.
func broken(s *Shape, v reflect.Value) []string {
	l := s.Limits
	if l == nil {
		return nil
	}
	var list []string
	if len(l.Enum) > 0 && !inEnum(l.Enum, v.String()) {
		list = append(list, enumRule(l))
	}
	if l.Pattern != "" && s.Kind == KindString && !l.matches(v.String()) {
		list = append(list, patternRule(l))
	}
	size, measured := measure(s, v)
	if !measured {
		return list
	}
	if l.HasMax && size > l.Max {
		list = append(list, maxRule(s))
	}
	if l.HasMin && size < l.Min {
		list = append(list, minRule(s))
	}
	return list
}

func inEnum(enum []string, value string) bool {
	for _, e := range enum {
		if e == value {
			return true
		}
	}
	return false
}

// measure is what the limits bound: a number's value, anything else's length.
func measure(s *Shape, v reflect.Value) (float64, bool) {
	switch s.Kind {
	case KindString:
		return float64(utf8.RuneCountInString(v.String())), true
	case KindBlob, KindList:
		if v.Kind() != reflect.Slice {
			return 0, false
		}
		return float64(v.Len()), true
	case KindMap:
		return float64(v.Len()), true
	case KindInteger, KindLong:
		return float64(v.Int()), true
	case KindFloat, KindDouble:
		return v.Float(), true
	}
	return 0, false
}

// constraints lists all that a scalar inside a list or map must keep.
func constraints(s *Shape) string {
	var rules []string
	if l := s.Limits; l != nil {
		if l.HasMax {
			rules = append(rules, maxRule(s))
		}
		if l.HasMin {
			rules = append(rules, minRule(s))
		}
		if l.Pattern != "" {
			rules = append(rules, patternRule(l))
		}
		if len(l.Enum) > 0 {
			rules = append(rules, enumRule(l))
		}
	}
	return "[" + strings.Join(append(rules, "Member must not be null"), ", ") + "]"
}

func enumRule(l *Limits) string {
	return "Member must satisfy enum value set: [" + strings.Join(l.Enum, ", ") + "]"
}

func patternRule(l *Limits) string {
	return "Member must satisfy regular expression pattern: " + l.Pattern
}

func maxRule(s *Shape) string {
	return fmt.Sprintf("Member must have %s less than or equal to %s", quantity(s), strconv.FormatFloat(s.Limits.Max, 'f', -1, 64))
}

func minRule(s *Shape) string {
	return fmt.Sprintf("Member must have %s greater than or equal to %s", quantity(s), strconv.FormatFloat(s.Limits.Min, 'f', -1, 64))
}

func quantity(s *Shape) string {
	switch s.Kind {
	case KindInteger, KindLong, KindFloat, KindDouble:
		return "value"
	}
	return "length"
}

// shown is a value as messages print it, quoted and with a space after it, or
// "" where it must stay hidden or has no short form.
func shown(p *plan, m *Member, v reflect.Value) string {
	if m.Is(Sensitive) {
		return ""
	}
	text, ok := printed(p, v)
	if !ok {
		return ""
	}
	return "'" + abridge(text, maxShownValue) + "' "
}

// printed writes lists and maps of scalars as Java does.
func printed(p *plan, v reflect.Value) (string, bool) {
	switch {
	case p.shape.Kind == KindBlob || p.shape.Kind == KindStructure || p.shape.Is(Sensitive):
		return "", false
	case p.scalar():
		return string(appendText(nil, p.shape, TimeISO8601, v)), true
	case !p.elem.scalar() || p.elem.shape.Kind == KindBlob || p.shape.Elem.Is(Sensitive):
		return "", false
	case p.shape.Kind == KindMap:
		return printedMap(p, v)
	}
	items := make([]string, 0, v.Len())
	for i := range min(v.Len(), maxShownValue) {
		items = append(items, string(appendText(nil, p.elem.shape, TimeISO8601, v.Index(i))))
	}
	return "[" + strings.Join(items, ", ") + "]", true
}

func printedMap(p *plan, v reflect.Value) (string, bool) {
	if p.shape.Key.Is(Sensitive) {
		return "", false
	}
	var items []string
	for _, key := range sortedKeys(v) {
		value := appendText(nil, p.elem.shape, TimeISO8601, v.MapIndex(key))
		items = append(items, key.String()+"="+string(value))
		if len(items) == maxShownValue {
			break
		}
	}
	return "{" + strings.Join(items, ", ") + "}", true
}
