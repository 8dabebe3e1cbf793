package policy

import "strings"

// pattern is a compiled string of a policy that is matched against a value of
// the request. Most have a shape that needs no matcher.
type pattern struct {
	shape shape
	text  string // of an exact text, or a prefix
	atoms []atom // of every other shape
}

type shape uint8

const (
	shapeExact  shape = iota
	shapePrefix       // text, then anything
	shapeAny
	shapeAtoms
)

type atom struct {
	kind     atomKind
	text     string // of a text; of a variable its key in lower case
	standby  string // of a variable: its default value
	fallible bool   // of a variable: it has no default value
}

type atomKind uint8

const (
	atomText atomKind = iota
	atomOne           // ?
	atomStar          // *
	atomVariable
)

// newPattern gives atoms their shape.
func newPattern(atoms []atom) pattern {
	switch {
	case len(atoms) == 0:
		return pattern{}
	case len(atoms) == 1 && atoms[0].kind == atomText:
		return pattern{text: atoms[0].text}
	case len(atoms) == 1 && atoms[0].kind == atomStar:
		return pattern{shape: shapeAny}
	case len(atoms) == 2 && atoms[0].kind == atomText && atoms[1].kind == atomStar:
		return pattern{shape: shapePrefix, text: atoms[0].text}
	}
	return pattern{shape: shapeAtoms, atoms: atoms}
}

// compileAction compiles an action, which has wildcards but no variables.
func compileAction(text string) pattern {
	var b atomBuilder
	for i := range len(text) {
		b.character(lower(text[i]), true)
	}
	return newPattern(b.done())
}

// pattern compiles a string in which variables are replaced, where the
// policy's version has them, and * and ? match where wild says so.
func (c *compiler) pattern(item node, wild bool) (pattern, error) {
	var b atomBuilder
	for rest := item.text; rest != ""; {
		if c.variables && strings.HasPrefix(rest, "${") {
			body, after, closed := strings.Cut(rest[2:], "}")
			if !closed || !b.variable(body) {
				return pattern{}, faultf(item.at, "%q has a policy variable that is not written ${key} or ${key, 'default'}", item.text)
			}
			if b.variables > maxVariables {
				return pattern{}, faultf(item.at, "%q has more than %d policy variables", item.text, maxVariables)
			}
			c.keys.addVariable(body)
			rest = after
			continue
		}
		b.character(rest[0], wild)
		rest = rest[1:]
	}
	return newPattern(b.done()), nil
}

// variableBefore tells whether a variable stands before the nth colon.
func (p *pattern) variableBefore(n int) bool {
	colons := 0
	for _, a := range p.atoms {
		if a.kind == atomVariable && colons < n {
			return true
		}
		if a.kind == atomText {
			colons += strings.Count(a.text, ":")
		}
	}
	return false
}

// atomBuilder gathers characters into atoms.
type atomBuilder struct {
	atoms     []atom
	text      []byte
	variables int
}

func (b *atomBuilder) character(c byte, wild bool) {
	switch {
	case wild && c == '*':
		b.star()
	case wild && c == '?':
		b.flush()
		b.atoms = append(b.atoms, atom{kind: atomOne})
	default:
		b.text = append(b.text, c)
	}
}

// star adds a star; stars beside each other are one.
func (b *atomBuilder) star() {
	b.flush()
	if n := len(b.atoms); n == 0 || b.atoms[n-1].kind != atomStar {
		b.atoms = append(b.atoms, atom{kind: atomStar})
	}
}

func (b *atomBuilder) flush() {
	if len(b.text) > 0 {
		b.atoms = append(b.atoms, atom{kind: atomText, text: string(b.text)})
		b.text = nil
	}
}

func (b *atomBuilder) done() []atom {
	b.flush()
	return b.atoms
}

// variable adds what stands between "${" and "}": one of the three fixed
// characters, a key, or a key with a default in single quotes
// (IAM User Guide, reference_policies_variables.html).
func (b *atomBuilder) variable(body string) bool {
	if body == "*" || body == "?" || body == "$" {
		b.text = append(b.text, body[0])
		return true
	}
	key, standby, hasDefault := strings.Cut(body, ",")
	if hasDefault {
		var ok bool
		if standby, ok = quoted(strings.TrimLeft(standby, " ")); !ok {
			return false
		}
	}
	if key == "" || strings.ContainsAny(key, "${'*?") || strings.TrimSpace(key) != key {
		return false
	}
	b.flush()
	b.variables++
	b.atoms = append(b.atoms, atom{kind: atomVariable, text: strings.ToLower(key), standby: standby, fallible: !hasDefault})
	return true
}

func quoted(s string) (string, bool) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return "", false
	}
	inner := s[1 : len(s)-1]
	return inner, !strings.Contains(inner, "'")
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
