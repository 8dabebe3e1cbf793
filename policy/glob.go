package policy

import (
	"strings"
	"unicode/utf8"
)

// outcome is what a comparison gives. A policy variable without a value and
// without a default makes its string unresolved: it matches nothing.
type outcome uint8

const (
	differs outcome = iota
	matches
	unresolved
)

func outcomeOf(match bool) outcome {
	if match {
		return matches
	}
	return differs
}

// match compares the pattern with a value, case-sensitively.
func (p *pattern) match(value string, ctx Context) outcome {
	switch p.shape {
	case shapeExact:
		return outcomeOf(p.text == value)
	case shapePrefix:
		return outcomeOf(strings.HasPrefix(value, p.text))
	case shapeAny:
		return matches
	}
	var r resolved
	if !r.resolve(p.atoms, ctx) {
		return unresolved
	}
	return outcomeOf(r.glob(p.atoms, value, false))
}

// matchAction compares a pattern from compileAction with an action.
func (p *pattern) matchAction(action string) bool {
	switch p.shape {
	case shapeExact:
		return len(p.text) == len(action) && hasPrefixLower(action, p.text)
	case shapePrefix:
		return hasPrefixLower(action, p.text)
	case shapeAny:
		return true
	}
	var r resolved
	return r.glob(p.atoms, action, true)
}

// hasPrefixLower tells whether s, in lower case, begins with prefix.
func hasPrefixLower(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if s[i] != prefix[i] && lower(s[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// matchFold compares a pattern without wildcards without regard to case.
func (p *pattern) matchFold(value string, ctx Context) outcome {
	if p.shape == shapeExact {
		return outcomeOf(strings.EqualFold(p.text, value))
	}
	var r resolved
	if !r.resolve(p.atoms, ctx) {
		return unresolved
	}
	for i := range p.atoms {
		var ok bool
		if value, ok = cutFold(value, r.text(p.atoms, i)); !ok {
			return differs
		}
	}
	return outcomeOf(value == "")
}

// cutFold cuts prefix from s, rune by rune, as cases of one letter may differ in length.
func cutFold(s, prefix string) (rest string, ok bool) {
	for prefix != "" {
		_, n := utf8.DecodeRuneInString(prefix)
		_, m := utf8.DecodeRuneInString(s)
		if !strings.EqualFold(prefix[:n], s[:m]) {
			return s, false
		}
		prefix, s = prefix[n:], s[m:]
	}
	return s, true
}

// resolved holds the values of a pattern's variables for one comparison. It
// lives on the stack: a pattern has no more than maxVariables.
type resolved struct {
	values [maxVariables]string
}

const maxVariables = 8

func (r *resolved) resolve(atoms []atom, ctx Context) bool {
	slot := 0
	for i := range atoms {
		a := &atoms[i]
		if a.kind != atomVariable {
			continue
		}
		value, ok := a.value(ctx)
		if !ok {
			return false
		}
		r.values[slot] = value
		slot++
	}
	return true
}

// value returns a variable's value: that of a key with exactly one (a
// multivalued key cannot be a variable), else the default.
func (a *atom) value(ctx Context) (string, bool) {
	if values, ok := ctx.Values(a.text); ok && len(values) == 1 {
		return values[0], true
	}
	return a.standby, !a.fallible
}

func (r *resolved) text(atoms []atom, i int) string {
	if atoms[i].kind != atomVariable {
		return atoms[i].text
	}
	slot := 0
	for j := range i {
		if atoms[j].kind == atomVariable {
			slot++
		}
	}
	return r.values[slot]
}

// glob matches atoms against the whole of value. A failed match goes back to
// the latest star only, which is enough: whatever an earlier star could give
// up, the later one can take. So it costs at most length times length.
func (r *resolved) glob(atoms []atom, value string, fold bool) bool {
	atom, at := 0, 0
	afterStar, starAt := -1, 0
	for {
		if atom == len(atoms) && at == len(value) {
			return true
		}
		if atom < len(atoms) {
			if atoms[atom].kind == atomStar {
				atom++
				if at = next(atoms[atom:], value, at, fold); at < 0 {
					return false
				}
				afterStar, starAt = atom, at
				continue
			}
			if n := r.step(atoms, atom, value[at:], fold); n >= 0 {
				atom, at = atom+1, at+n
				continue
			}
		} else if afterStar == len(atoms) {
			return true
		}
		if afterStar < 0 || starAt == len(value) {
			return false
		}
		starAt = next(atoms[afterStar:], value, starAt+runeLen(value[starAt:]), fold)
		if starAt < 0 {
			return false
		}
		atom, at = afterStar, starAt
	}
}

// next is the first place from which on the atoms behind a star may match, as
// far as the first of them says if it is a text; -1 if there is none.
func next(atoms []atom, value string, from int, fold bool) int {
	if fold || len(atoms) == 0 || atoms[0].kind != atomText {
		return from
	}
	i := strings.Index(value[from:], atoms[0].text)
	if i < 0 {
		return -1
	}
	return from + i
}

// step returns how much of value the atom takes, or -1 when it does not match.
func (r *resolved) step(atoms []atom, i int, value string, fold bool) int {
	if atoms[i].kind == atomOne {
		if value == "" {
			return -1
		}
		return runeLen(value)
	}
	text := r.text(atoms, i)
	if fold && hasPrefixLower(value, text) || !fold && strings.HasPrefix(value, text) {
		return len(text)
	}
	return -1
}

func runeLen(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
