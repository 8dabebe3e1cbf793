package policy

import "strings"

// operatorKind is what an operator's name stands for.
type operatorKind struct {
	negated bool
	compile func(c *compiler, cond *condition, items []node) (operand, error)
}

// operators are the names of all condition operators, which are written
// exactly so. An operator that is not here makes the policy invalid.
var operators = map[string]operatorKind{
	"StringEquals":              {false, compileStrings(false, false)},
	"StringNotEquals":           {true, compileStrings(false, false)},
	"StringEqualsIgnoreCase":    {false, compileStrings(false, true)},
	"StringNotEqualsIgnoreCase": {true, compileStrings(false, true)},
	"StringLike":                {false, compileStrings(true, false)},
	"StringNotLike":             {true, compileStrings(true, false)},
	"ArnEquals":                 {false, compileARNs},
	"ArnLike":                   {false, compileARNs},
	"ArnNotEquals":              {true, compileARNs},
	"ArnNotLike":                {true, compileARNs},
	"NumericEquals":             {false, compileNumbers(equal)},
	"NumericNotEquals":          {true, compileNumbers(equal)},
	"NumericLessThan":           {false, compileNumbers(less)},
	"NumericLessThanEquals":     {false, compileNumbers(less | equal)},
	"NumericGreaterThan":        {false, compileNumbers(greater)},
	"NumericGreaterThanEquals":  {false, compileNumbers(greater | equal)},
	"DateEquals":                {false, compileDates(equal)},
	"DateNotEquals":             {true, compileDates(equal)},
	"DateLessThan":              {false, compileDates(less)},
	"DateLessThanEquals":        {false, compileDates(less | equal)},
	"DateGreaterThan":           {false, compileDates(greater)},
	"DateGreaterThanEquals":     {false, compileDates(greater | equal)},
	"Bool":                      {false, compileBools},
	"BinaryEquals":              {false, compileBinaries},
	"IpAddress":                 {false, compileAddresses},
	"NotIpAddress":              {true, compileAddresses},
	"Null":                      {false, compileNull},
}

// readOperator reads an operator with its qualifier and suffix into cond.
func (cond *condition) readOperator(m *member) (operatorKind, error) {
	name := m.name
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		name, cond.set = rest, setAll
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		name, cond.set = rest, setAny
	}
	name, cond.ifExists = strings.CutSuffix(name, "IfExists")
	kind, ok := operators[name]
	if !ok {
		return kind, faultf(m.at, "there is no condition operator %q", m.name)
	}
	cond.null = name == "Null"
	if cond.null && (cond.ifExists || cond.set != setNone) {
		return kind, faultf(m.at, "Null cannot be qualified")
	}
	cond.negated = kind.negated
	return kind, nil
}

// relation is a set of outcomes of a comparison that an operator takes.
type relation uint8

const (
	less relation = 1 << iota
	equal
	greater
)

// holds takes the sign of a comparison.
func (r relation) holds(sign int) bool { return r&(1<<(sign+1)) != 0 }

// any compares a value with each of a list and gives the best outcome.
func anyOf[T any](list []T, compare func(*T) outcome) outcome {
	best := differs
	for i := range list {
		switch compare(&list[i]) {
		case matches:
			return matches
		case unresolved:
			best = unresolved
		}
	}
	return best
}
