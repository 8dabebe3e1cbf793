package escalation

import (
	"regexp"
	"strings"
	"testing"

	"cloister/policy/catalog"
)

// TestNeedsAreAsTheReferenceHasThem: every action exists, and is given on
// resources of the form that the technique asks for it on.
func TestNeedsAreAsTheReferenceHasThem(t *testing.T) {
	for _, c := range catalogue {
		for _, n := range c.Needs {
			prefix, name, _ := strings.Cut(n.Action, ":")
			action := actionOf(prefix, name)
			if action == nil {
				t.Errorf("%s: there is no action %s", c.ID, n.Action)
				continue
			}
			form := map[string]string{"policy": "arn:aws:iam::A:policy/N", "trust": "arn:aws:iam::A:role/N", "*": "*"}[n.On]
			if form == "" {
				form = arns[n.On]
			}
			if n.On == "target" {
				form = map[Target]string{SelfUser: "arn:aws:iam::A:user/N", OtherUser: "arn:aws:iam::A:user/N", SelfRole: "arn:aws:iam::A:role/N", OtherRole: "arn:aws:iam::A:role/N"}[c.Target]
				if form == "" {
					form = "arn:aws:iam::A:group/N"
				}
			}
			if !takes(action, form) {
				t.Errorf("%s: %s is not given on %s but on %v", c.ID, n.Action, form, formsOf(action))
			}
		}
	}
}

func actionOf(prefix, name string) *catalog.Action {
	s, ok := catalog.Find(prefix)
	if !ok {
		return nil
	}
	for i := range s.Actions {
		if s.Actions[i].Name == name {
			return &s.Actions[i]
		}
	}
	return nil
}

func formsOf(a *catalog.Action) []string {
	var all []string
	for _, r := range a.Resources {
		all = append(all, r.ARNs...)
	}
	return all
}

var placeholder = regexp.MustCompile(`\\\$\\\{[^}]*\\\}`)

func takes(a *catalog.Action, form string) bool {
	if form == "*" {
		return len(a.Resources) == 0
	}
	form = strings.NewReplacer(":R:A:", ":us-east-1:123456789012:", "::A:", "::123456789012:").Replace(form)
	for _, arn := range formsOf(a) {
		pattern := placeholder.ReplaceAllString(regexp.QuoteMeta(arn), `.*`)
		if regexp.MustCompile("^" + pattern + "$").MatchString(form) {
			return true
		}
	}
	return false
}
