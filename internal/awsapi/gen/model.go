package main

import (
	"fmt"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// model is what the manifest reaches of one service's API.
type model struct {
	pkg      string
	metadata *object
	shapes   *object
	ops      []*object       // sorted by name
	reached  []string        // shape names, sorted
	errors   []string        // error shapes of the operations, sorted
	typed    map[string]bool // structures that get a Go type: reached from inputs and outputs
}

func newModel(w *wanted, tree *object) (*model, error) {
	m := &model{pkg: w.pkg, metadata: tree.object("metadata"), shapes: tree.object("shapes"), typed: map[string]bool{}}
	for _, name := range w.operations {
		op := tree.object("operations").object(name)
		if op == nil {
			return nil, fmt.Errorf("the model has no operation %s", name)
		}
		m.ops = append(m.ops, op)
	}
	sort.Slice(m.ops, func(i, j int) bool { return m.ops[i].string("name") < m.ops[j].string("name") })
	return m, m.reach()
}

// reach walks from the operations to every shape they need.
func (m *model) reach() error {
	all, errors := map[string]bool{}, map[string]bool{}
	for _, op := range m.ops {
		for _, end := range []string{"input", "output"} {
			if err := m.walk(op.object(end).string("shape"), m.typed); err != nil {
				return err
			}
		}
		for _, name := range operationErrors(op) {
			errors[name] = true
			if err := m.walk(name, all); err != nil {
				return err
			}
		}
	}
	for name := range m.typed {
		all[name] = true
	}
	m.reached, m.errors = sorted(all), sorted(errors)
	return m.check()
}

func (m *model) walk(name string, seen map[string]bool) error {
	if name == "" || seen[name] {
		return nil
	}
	s := m.shapes.object(name)
	if s == nil {
		return fmt.Errorf("the model has no shape %s", name)
	}
	seen[name] = true
	for _, ref := range references(s) {
		if err := m.walk(ref.string("shape"), seen); err != nil {
			return err
		}
	}
	return nil
}

// references lists a shape's members, element, key and value.
func references(s *object) []*object {
	var refs []*object
	members := s.object("members")
	if members != nil {
		for _, name := range members.keys {
			refs = append(refs, members.object(name))
		}
	}
	for _, key := range []string{"member", "key", "value"} {
		if ref := s.object(key); ref != nil {
			refs = append(refs, ref)
		}
	}
	return refs
}

func operationErrors(op *object) []string {
	var names []string
	for _, e := range op.list("errors") {
		names = append(names, e.(*object).string("shape"))
	}
	sort.Strings(names)
	return names
}

// understood are the traits that the tables carry, and those that mean nothing
// to a server. Anything else stops the generator: somebody must look at it.
var understood = set(`type members member key value required enum pattern min max sensitive payload error exception
	fault streaming eventstream event eventpayload eventheader flattened location locationName queryName
	timestampFormat xmlNamespace xmlAttribute jsonvalue hostLabel shape locationNameMap
	box deprecated deprecatedMessage deprecatedSince documentation idempotencyToken synthetic wrapper retryable union
	xmlOrder contextParam`)

func (m *model) check() error {
	for _, name := range m.reached {
		s := m.shapes.object(name)
		for _, o := range append(references(s), s) {
			for _, key := range o.keys {
				if !understood[key] {
					return fmt.Errorf("shape %s has the trait %q, which this generator does not know", name, key)
				}
			}
		}
	}
	return nil
}

// inCycle says whether shape to leads back to shape from, so that a static
// table cannot hold the reference.
func (m *model) inCycle(from, to string) bool {
	seen := map[string]bool{}
	if err := m.walk(to, seen); err != nil {
		return false
	}
	return seen[from]
}

func set(words string) map[string]bool {
	s := map[string]bool{}
	for _, w := range strings.Fields(words) {
		s[w] = true
	}
	return s
}

func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// exported makes a Go identifier of a model's name.
func exported(name string) string {
	name = strings.TrimLeft(name, "_")
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(r)) + strings.Map(identifierRune, name[n:])
}

func identifierRune(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' {
		return r
	}
	return -1
}
