package main

import (
	"fmt"
	"strings"
)

// emitTypes writes the Go struct of every structure that inputs and outputs
// reach.
func emitTypes(m *model) (string, error) {
	body := &source{}
	taken := map[string]string{"Service": "the service's table"}
	for _, name := range sorted(m.typed) {
		s := m.shapes.object(name)
		if s.string("type") != "structure" || s.bool("eventstream") {
			continue
		}
		goName := exported(name)
		if other, clash := taken[goName]; clash {
			return "", fmt.Errorf("shape %s would share the Go name %s with %s", name, goName, other)
		}
		taken[goName] = name
		if err := m.emitStruct(body, goName, s); err != nil {
			return "", fmt.Errorf("shape %s: %w", name, err)
		}
	}
	var imports []string
	for prefix, path := range map[string]string{"time.": "time", "io.": "io", "awsapi.": "cloister/internal/awsapi"} {
		if strings.Contains(body.String(), prefix) {
			imports = append(imports, path)
		}
	}
	head := newSource(m, "", ordered(imports)...)
	return head.String() + "\n" + body.String(), nil
}

func (m *model) emitStruct(out *source, goName string, s *object) error {
	out.line("type %s struct {", goName)
	taken := map[string]bool{}
	for _, member := range s.object("members").keysOrNone() {
		field := exported(member)
		if taken[field] {
			return fmt.Errorf("two members share the Go name %s", field)
		}
		taken[field] = true
		t, err := m.goType(s.object("members").object(member).string("shape"), true)
		if err != nil {
			return fmt.Errorf("member %s: %w", member, err)
		}
		out.line("%s %s", field, t)
	}
	out.line("}\n")
	return nil
}

// goType is the Go type that holds a shape: as a structure's member scalars are
// pointers, inside lists and maps they are not.
func (m *model) goType(name string, member bool) (string, error) {
	s := m.shapes.object(name)
	star := ""
	if member {
		star = "*"
	}
	switch kind := s.string("type"); kind {
	case "structure":
		if s.bool("eventstream") {
			return "awsapi.EventSource", nil
		}
		return "*" + exported(name), nil
	case "list":
		elem, err := m.goType(s.object("member").string("shape"), false)
		return "[]" + elem, err
	case "map":
		elem, err := m.goType(s.object("value").string("shape"), false)
		return "map[string]" + elem, err
	case "blob":
		if s.bool("streaming") {
			return "io.Reader", nil
		}
		return "[]byte", nil
	case "string", "character":
		return star + "string", nil
	case "integer", "long":
		return star + "int64", nil
	case "float", "double":
		return star + "float64", nil
	case "boolean":
		return star + "bool", nil
	case "timestamp":
		return star + "time.Time", nil
	default:
		return "", fmt.Errorf("shape %s is of type %q, which this generator does not know", name, kind)
	}
}

func (o *object) keysOrNone() []string {
	if o == nil {
		return nil
	}
	return o.keys
}

func ordered(list []string) []string {
	s := map[string]bool{}
	for _, v := range list {
		s[v] = true
	}
	return sorted(s)
}
