package catalog

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the table
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed catalog.txt.gz
var packed []byte

// Service is what a service's permissions are made of. It must not be changed.
type Service struct {
	Prefix    string // of its actions: "lambda"
	Actions   []Action
	Keys      []Key
	Resources []Resource
}

// Action is one permission.
type Action struct {
	Name      string // without the prefix: "InvokeFunction"
	Access    Access
	Resources []*Resource // types that it can be given on; none: it is given on *
	Keys      []*Key      // condition keys beside the global ones
}

// Access is what an action does, in the reference's words.
type Access byte

// The access levels.
const (
	List        Access = 'L'
	Read        Access = 'R'
	Write       Access = 'W'
	Tagging     Access = 'T'
	Permissions Access = 'P'
)

// Key is a condition key. Its name may have a part for any text: ${TagKey}.
type Key struct {
	Name string
	Type string // String, ARN, Bool, Numeric, Date, IPAddress; ArrayOf… has many values
}

// Multivalued says whether a request may have many values for the key.
func (k *Key) Multivalued() bool { return strings.HasPrefix(k.Type, "ArrayOf") }

// Base is the type of one value of the key.
func (k *Key) Base() string { return strings.TrimPrefix(k.Type, "ArrayOf") }

// Is says whether a key of a policy is this one. Case does not count.
func (k *Key) Is(name string) bool {
	before, rest, part := strings.Cut(strings.ToLower(k.Name), "${")
	_, after, _ := strings.Cut(rest, "}")
	name = strings.ToLower(name)
	if !part {
		return name == before
	}
	return len(name) > len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}

// Resource is a type of resources.
type Resource struct {
	Name string
	ARNs []string // its forms, with parts such as ${Region}
	Keys []*Key
}

// table is the text of each service, by its prefix.
var table = sync.OnceValue(func() map[string]string {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(err) // part of the program
	}
	text, err := io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	all := map[string]string{}
	for _, section := range strings.Split(strings.TrimPrefix(string(text), "s "), "\ns ") {
		prefix, rest, _ := strings.Cut(section, "\n")
		all[prefix] = rest
	}
	return all
})

var parsed sync.Map // prefix → *Service

// Find returns the service with a prefix, in lower case.
func Find(prefix string) (*Service, bool) {
	if s, ok := parsed.Load(prefix); ok {
		return s.(*Service), true
	}
	text, ok := table()[prefix]
	if !ok {
		return nil, false
	}
	s, _ := parsed.LoadOrStore(prefix, parse(prefix, text))
	return s.(*Service), true
}

// Prefixes lists the prefixes of all services.
func Prefixes() []string {
	all := make([]string, 0, len(table()))
	for prefix := range table() {
		all = append(all, prefix)
	}
	slices.Sort(all)
	return all
}

// parse reads the lines that internal/awsapi/gen/catalog wrote.
func parse(prefix, text string) *Service {
	s := &Service{Prefix: prefix}
	for line := range strings.Lines(text) {
		switch f := strings.Fields(line); f[0] {
		case "k":
			s.Keys = append(s.Keys, Key{f[1], f[2]})
		case "r":
			s.Resources = append(s.Resources, Resource{Name: f[1], ARNs: strings.Split(f[2], "|"), Keys: pick(s.Keys, f[3])})
		case "a":
			s.Actions = append(s.Actions, Action{Name: f[1], Access: Access(f[2][0]), Resources: pick(s.Resources, f[3]), Keys: pick(s.Keys, f[4])})
		}
	}
	return s
}

// pick returns those of a list whose numbers are given.
func pick[T any](list []T, numbers string) []*T {
	if numbers == "-" {
		return nil
	}
	var all []*T
	for _, n := range strings.Split(numbers, ",") {
		i, err := strconv.Atoi(n)
		if err != nil {
			panic(err) // part of the program
		}
		all = append(all, &list[i])
	}
	return all
}

// Action returns the action of a name, whose case does not count.
func (s *Service) Action(name string) (*Action, bool) {
	i, found := slices.BinarySearchFunc(s.Actions, strings.ToLower(name), func(a Action, name string) int {
		return strings.Compare(strings.ToLower(a.Name), name)
	})
	if !found {
		return nil, false
	}
	return &s.Actions[i], true
}

// Key returns the condition key that a policy names, whose case does not count.
func (s *Service) Key(name string) (*Key, bool) { return find(s.Keys, name) }

// Takes says whether a request for the action may have the key: among its own,
// or those of the resources that it is on.
func (a *Action) Takes(name string) bool {
	is := func(k *Key) bool { return k.Is(name) }
	return slices.ContainsFunc(a.Keys, is) || slices.ContainsFunc(a.Resources, func(r *Resource) bool {
		return slices.ContainsFunc(r.Keys, is)
	})
}

func find(keys []Key, name string) (*Key, bool) {
	for i := range keys {
		if keys[i].Is(name) {
			return &keys[i], true
		}
	}
	return nil, false
}
