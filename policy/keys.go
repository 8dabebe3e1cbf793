package policy

import (
	"slices"
	"strings"
)

// ContextKeys lists the condition keys that the policy asks for, in conditions
// and as policy variables: each once, as it is written first, in the order of
// the text. The result must not be changed.
func (p *Policy) ContextKeys() []string { return p.keys }

// keyList gathers condition keys, whose case does not count.
type keyList []string

func (l *keyList) add(key string) {
	same := func(k string) bool { return strings.EqualFold(k, key) }
	if !slices.ContainsFunc(*l, same) {
		*l = append(*l, key)
	}
}

// addVariable adds the key of a policy variable's body. The three fixed
// characters ask for nothing.
func (l *keyList) addVariable(body string) {
	key, _, _ := strings.Cut(body, ",")
	if key != "*" && key != "?" && key != "$" {
		l.add(key)
	}
}
