package secretscan

import (
	"fmt"
	"regexp"
	"strings"
)

// allowlist says what a rule, or every rule, lets pass.
type allowlist struct {
	all       bool   // every check that there is must hold, not one
	target    string // what the expressions are tried on: "", "match" or "line"
	paths     *regexp.Regexp
	exprs     *regexp.Regexp
	stopWords *automaton
}

func newAllowlist(in *tomlAllowlist) (*allowlist, error) {
	a := &allowlist{target: in.RegexTarget}
	switch strings.ToUpper(in.Condition) {
	case "AND", "&&":
		a.all = true
	case "", "OR", "||":
	default:
		return nil, fmt.Errorf("an allowlist has the condition %q", in.Condition)
	}
	if a.target == "secret" {
		a.target = ""
	}
	var err error
	if a.paths, err = anyOf(in.Paths); err != nil {
		return nil, err
	}
	if a.exprs, err = anyOf(in.Regexes); err != nil {
		return nil, err
	}
	if len(in.StopWords) > 0 {
		words := make([]string, len(in.StopWords))
		for i, w := range in.StopWords {
			words[i] = strings.ToLower(w)
		}
		a.stopWords = newAutomaton(words)
	}
	return a, nil
}

// anyOf is one expression that matches what any of several does; nil for none.
func anyOf(exprs []string) (*regexp.Regexp, error) {
	if len(exprs) == 0 {
		return nil, nil
	}
	return regexp.Compile("(?:" + strings.Join(exprs, ")|(?:") + ")")
}

// allowsPath tells whether a whole file is let pass.
func (a *allowlist) allowsPath(path string) bool {
	if path == "" || a.all && (a.exprs != nil || a.stopWords != nil) {
		return false
	}
	return a.paths != nil && a.paths.MatchString(path)
}

// allows tells whether one match is let pass.
func (a *allowlist) allows(m *match, path string) bool {
	target := m.secret
	switch a.target {
	case "match":
		target = m.text
	case "line":
		target = m.line
	}
	byExpr := a.exprs != nil && target != "" && a.exprs.MatchString(target)
	byWord := a.stopWords != nil && m.secret != "" && a.stopWords.in(strings.ToLower(m.secret))
	if !a.all {
		return byExpr || byWord
	}
	byPath := a.paths != nil && path != "" && a.paths.MatchString(path)
	return (a.paths == nil || byPath) && (a.exprs == nil || byExpr) && (a.stopWords == nil || byWord)
}

func anyAllows(lists []*allowlist, m *match, path string) bool {
	for _, a := range lists {
		if a.allows(m, path) {
			return true
		}
	}
	return false
}

func anyAllowsPath(lists []*allowlist, path string) bool {
	for _, a := range lists {
		if a.allowsPath(path) {
			return true
		}
	}
	return false
}
