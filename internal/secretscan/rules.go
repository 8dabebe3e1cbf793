package secretscan

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
)

// gitleaks' own rules, as they are (github.com/gitleaks/gitleaks, v8.30.0).
//
//go:embed rules/gitleaks.toml
var ruleFile string

// ruleSet is the rules ready for use. It is immutable but for what is computed
// when it is first needed, and safe for concurrent use.
type ruleSet struct {
	rules    []*rule
	allow    []*allowlist
	keywords *automaton
	of       [][]int32 // by keyword: the rules that have it
	always   []int32   // rules without keywords
}

type rule struct {
	id, description string
	entropy         float64
	group           int
	text            string // the expression; "" for rules of paths only
	path            *regexp.Regexp
	keywords        []string
	allow           []*allowlist

	once sync.Once
	expr *regexp.Regexp
	plan *plan
}

// compiled is the rule's expression and how to look for it. Most rules are
// never asked.
func (r *rule) compiled() (*regexp.Regexp, *plan) {
	r.once.Do(func() {
		r.expr = regexp.MustCompile(r.text)
		r.plan = planOf(r.text, r.keywords)
	})
	return r.expr, r.plan
}

type tomlFile struct {
	Title      string
	MinVersion string
	Allowlist  tomlAllowlist
	Rules      []struct {
		ID, Description, Regex, Path string
		Entropy                      float64
		SecretGroup                  int
		Keywords                     []string
		Allowlists                   []tomlAllowlist
	}
}

type tomlAllowlist struct {
	Description, Condition, RegexTarget string
	Paths, Regexes, StopWords           []string
}

var defaultRules = sync.OnceValue(func() *ruleSet {
	set, err := parseRules(ruleFile)
	if err != nil {
		panic("secretscan: the rules that are built in: " + err.Error())
	}
	return set
})

func parseRules(text string) (*ruleSet, error) {
	var file tomlFile
	if _, err := toml.Decode(text, &file); err != nil {
		return nil, err
	}
	global, err := newAllowlist(&file.Allowlist)
	if err != nil {
		return nil, err
	}
	set := &ruleSet{allow: []*allowlist{global}}
	for i := range file.Rules {
		in := &file.Rules[i]
		r := &rule{id: in.ID, description: in.Description, entropy: in.Entropy, group: in.SecretGroup, text: in.Regex}
		if in.Path != "" {
			if r.path, err = regexp.Compile(in.Path); err != nil {
				return nil, err
			}
		}
		for _, k := range in.Keywords {
			r.keywords = append(r.keywords, strings.ToLower(k))
		}
		for j := range in.Allowlists {
			a, err := newAllowlist(&in.Allowlists[j])
			if err != nil {
				return nil, err
			}
			r.allow = append(r.allow, a)
		}
		set.rules = append(set.rules, r)
	}
	set.index()
	return set, nil
}

// index builds the automaton of all keywords.
func (s *ruleSet) index() {
	ids := map[string]int{}
	var words []string
	for i, r := range s.rules {
		if len(r.keywords) == 0 {
			s.always = append(s.always, int32(i))
		}
		for _, k := range r.keywords {
			id, ok := ids[k]
			if !ok {
				id = len(words)
				ids[k] = id
				words = append(words, k)
				s.of = append(s.of, nil)
			}
			s.of[id] = append(s.of[id], int32(i))
		}
	}
	s.keywords = newAutomaton(words)
}
