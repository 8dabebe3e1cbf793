package escalation

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"cloister/policy"
)

// twofold is a policy as it is surely and as it may be: the conditions whose
// keys are not known are taken to fail, or to hold, for whoever asks. What the
// sure one allows is allowed, what the other does not is not.
type twofold struct {
	name        string
	sure, maybe policy.Named
	assumed     [][]string // of each statement of maybe: the keys of the conditions that it lacks
	left        []denial   // of maybe: those that may not hold
	denies      bool       // it has statements that deny
	resources   []string   // the resources that statements which allow speak of
}

// denial is a statement that denies if conditions hold: what it speaks of, as
// a policy that allows it.
type denial struct {
	covers policy.Named
	keys   []string
}

// isKnown says whether a request to the evaluator has the condition key, or is
// known not to have it. The others depend on how and from where a call is made,
// or on resources.
func isKnown(key string) bool {
	key = strings.ToLower(key)
	switch key {
	case "aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:username", "aws:resourceaccount", "aws:sourceaccount",
		"aws:principalisawsservice", "aws:viaawsservice", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast",
		"iam:passedtoservice", "iam:permissionsboundary", "iam:policyarn":
		return true
	}
	return strings.HasPrefix(key, "aws:principaltag/")
}

// read compiles a policy both ways. Text that is no policy allows and denies
// nothing, and is told of by its error.
func read(kind policy.Kind, d Document) (*twofold, error) {
	t := &twofold{name: d.Name, sure: policy.Named{Name: d.Name}, maybe: policy.Named{Name: d.Name}}
	if _, err := policy.Parse(kind, []byte(d.Text)); err != nil {
		return t, err
	}
	var body struct {
		Version   string
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(d.Text), &body); err != nil {
		return t, err
	}
	statements, err := list(body.Statement)
	if err != nil {
		return t, err
	}
	var sure, maybe []element
	for _, s := range statements {
		free, keys, err := s.free()
		if err != nil {
			return t, err
		}
		deny := s.effect() == "Deny"
		t.denies = t.denies || deny
		if !deny {
			t.resources = append(t.resources, s.resources()...)
		}
		switch {
		case len(keys) == 0:
			sure, maybe = append(sure, s), append(maybe, s)
			t.assumed = append(t.assumed, nil)
		case deny:
			sure = append(sure, free)
			t.left = append(t.left, denial{compile(kind, body.Version, []element{free.allowing()}), keys})
		default:
			maybe = append(maybe, free)
			t.assumed = append(t.assumed, keys)
		}
	}
	t.sure.Policy = compile(kind, body.Version, sure).Policy
	t.maybe.Policy = compile(kind, body.Version, maybe).Policy
	return t, nil
}

// element is a statement, by its elements.
type element map[string]json.RawMessage

func list(text json.RawMessage) ([]element, error) {
	if len(text) > 0 && text[0] == '{' {
		text = slices.Concat([]byte("["), text, []byte("]"))
	}
	var all []element
	return all, json.Unmarshal(text, &all)
}

func (s element) effect() string {
	var e string
	_ = json.Unmarshal(s["Effect"], &e) // it is a policy
	return e
}

// resources lists Resource as it is written.
func (s element) resources() []string {
	var one string
	if json.Unmarshal(s["Resource"], &one) == nil {
		return []string{one}
	}
	var all []string
	_ = json.Unmarshal(s["Resource"], &all) // it is a policy
	return all
}

func (s element) allowing() element {
	c := element{}
	for k, v := range s {
		c[k] = v
	}
	c["Effect"] = json.RawMessage(`"Allow"`)
	return c
}

// free is the statement without the conditions whose keys are not known, and
// with anything in the place of such policy variables; and those keys.
func (s element) free() (element, []string, error) {
	c := element{}
	var keys []string
	for k, v := range s {
		switch k {
		case "Condition":
			kept, without, err := prune(v)
			if err != nil {
				return nil, nil, err
			}
			keys = append(keys, without...)
			if kept != nil {
				c[k] = kept
			}
		case "Resource":
			text, without := opened(string(v))
			keys = append(keys, without...)
			c[k] = json.RawMessage(text)
		default:
			c[k] = v
		}
	}
	slices.Sort(keys)
	return c, slices.Compact(keys), nil
}

// prune splits a Condition; what is left of nothing is nil.
func prune(text json.RawMessage) (kept json.RawMessage, without []string, err error) {
	var operators map[string]map[string]json.RawMessage
	if err := json.Unmarshal(text, &operators); err != nil {
		return nil, nil, err
	}
	for operator, keys := range operators {
		for key, values := range keys {
			if _, open := opened(string(values)); !isKnown(key) || len(open) > 0 {
				without = append(without, append(open, key)...)
				delete(keys, key)
			}
		}
		if len(keys) == 0 {
			delete(operators, operator)
		}
	}
	if len(operators) == 0 {
		return nil, without, nil
	}
	kept, err = json.Marshal(operators)
	return kept, without, err
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// opened puts * for the policy variables whose keys are not known.
func opened(text string) (string, []string) {
	var keys []string
	text = variable.ReplaceAllStringFunc(text, func(v string) string {
		key, _, _ := strings.Cut(strings.Trim(v, "${}"), ",")
		if isKnown(key) || key == "*" || key == "?" || key == "" {
			return v
		}
		keys = append(keys, key)
		return "*"
	})
	return text, keys
}

// compile makes a policy of statements; of none it makes a nil one, which
// allows and denies nothing.
func compile(kind policy.Kind, version string, statements []element) policy.Named {
	if len(statements) == 0 {
		return policy.Named{}
	}
	body := map[string]any{"Statement": statements}
	if version != "" {
		body["Version"] = version
	}
	text, err := json.Marshal(body)
	if err != nil {
		return policy.Named{}
	}
	p, err := policy.Parse(kind, text)
	if err != nil {
		return policy.Named{}
	}
	return policy.Named{Policy: p}
}
