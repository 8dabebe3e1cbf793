package policy

import "strings"

// arnSet is the operand of ArnEquals and ArnLike, which are the same operator:
// the six parts between colons are compared each for itself, so that no
// wildcard passes a colon before the last part.
type arnSet []arnPattern

// arnPattern has six parts, or is one that stands for a whole ARN.
type arnPattern []pattern

const arnParts = 6

func compileARNs(c *compiler, _ *condition, items []node) (operand, error) {
	var all arnSet
	for _, item := range items {
		p, err := c.arn(item)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// arn compiles an ARN part by part. A single * or a single variable stands for
// a whole ARN. Parts are told apart in the policy's text, outside variables.
func (c *compiler) arn(item node) (arnPattern, error) {
	parts := c.splitARN(item.text)
	whole := len(parts) == 1 && (item.text == "*" || c.variables && strings.HasPrefix(item.text, "${") && strings.IndexByte(item.text, '}') == len(item.text)-1)
	if len(parts) != arnParts && !whole {
		return nil, faultf(item.at, "%q is not an ARN; write arn:partition:service:region:account:resource, with * for what may be anything", item.text)
	}
	var p arnPattern
	for _, part := range parts {
		q, err := c.pattern(node{kind: '"', at: item.at, text: part}, true)
		if err != nil {
			return nil, err
		}
		p = append(p, q)
	}
	return p, nil
}

// splitARN cuts text at the first five colons that stand outside variables.
func (c *compiler) splitARN(text string) []string {
	var parts []string
	start, inside := 0, false
	for i := 0; i < len(text) && len(parts) < arnParts-1; i++ {
		switch {
		case c.variables && strings.HasPrefix(text[i:], "${"):
			inside = true
		case text[i] == '}':
			inside = false
		case text[i] == ':' && !inside:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func (s arnSet) compare(value string, ctx Context) outcome {
	return anyOf(s, func(p *arnPattern) outcome { return p.match(value, ctx) })
}

func (p arnPattern) match(value string, ctx Context) outcome {
	if len(p) == 1 {
		return p[0].match(value, ctx)
	}
	result := matches
	for i := range p {
		part := value
		if i < arnParts-1 {
			var found bool
			if part, value, found = strings.Cut(value, ":"); !found {
				return differs
			}
		}
		switch p[i].match(part, ctx) {
		case differs:
			return differs
		case unresolved:
			result = unresolved
		}
	}
	return result
}
