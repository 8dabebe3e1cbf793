package cell

import (
	"errors"
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cloister/internal/cell/child"
)

func TestSpecValidation(t *testing.T) {
	good := func() Spec {
		return Spec{ID: "f-1_A", Root: []Bind{{"/usr", "/usr"}}, Args: []string{"/usr/bin/x"}, Env: []string{"A=b=c", "B="}, Dir: "/tmp", MemoryBytes: 16 << 20, Listen: []string{"127.0.0.1:9001", "[::1]:1"}}
	}
	if s := good(); s.Validate() != nil {
		t.Fatal(s.Validate())
	}
	for name, c := range map[string]struct {
		field  string
		change func(*Spec)
	}{
		"no id":               {"ID", func(s *Spec) { s.ID = "" }},
		"id with a slash":     {"ID", func(s *Spec) { s.ID = "a/../b" }},
		"relative source":     {"Root.Source", func(s *Spec) { s.Root[0].Source = "usr" }},
		"source not clean":    {"Root.Source", func(s *Spec) { s.Root[0].Source = "/usr/../etc" }},
		"source with zero":    {"Root.Source", func(s *Spec) { s.Root[0].Source = "/usr\x00" }},
		"target is the root":  {"Root.Target", func(s *Spec) { s.Root[0].Target = "/" }},
		"target over /proc":   {"Root.Target", func(s *Spec) { s.Root[0].Target = "/proc" }},
		"target in /dev":      {"Root.Target", func(s *Spec) { s.Root[0].Target = "/dev/sda" }},
		"target in /tmp":      {"Root.Target", func(s *Spec) { s.Root[0].Target = "/tmp/x" }},
		"target upwards":      {"Root.Target", func(s *Spec) { s.Root[0].Target = "/a/../../b" }},
		"target twice":        {"Root.Target", func(s *Spec) { s.Root = append(s.Root, s.Root[0]) }},
		"too many binds":      {"Root", func(s *Spec) { s.Root = make([]Bind, 129) }},
		"no program":          {"Args", func(s *Spec) { s.Args = nil }},
		"relative program":    {"Args", func(s *Spec) { s.Args[0] = "x" }},
		"argument with zero":  {"Args", func(s *Spec) { s.Args = append(s.Args, "\x00") }},
		"environment no name": {"Env", func(s *Spec) { s.Env = []string{"=x"} }},
		"environment no =":    {"Env", func(s *Spec) { s.Env = []string{"SECRET"} }},
		"relative directory":  {"Dir", func(s *Spec) { s.Dir = "tmp" }},
		"little memory":       {"MemoryBytes", func(s *Spec) { s.MemoryBytes = 1 }},
		"negative memory":     {"MemoryBytes", func(s *Spec) { s.MemoryBytes = -1 << 40 }},
		"negative cpu":        {"CPUMillis", func(s *Spec) { s.CPUMillis = -1 }},
		"few processes":       {"Pids", func(s *Spec) { s.Pids = 1 }},
		"negative tmp":        {"TmpBytes", func(s *Spec) { s.TmpBytes = -1 }},
		"host's address":      {"Listen", func(s *Spec) { s.Listen = []string{"0.0.0.0:80"} }},
		"port zero":           {"Listen", func(s *Spec) { s.Listen = []string{"127.0.0.1:0"} }},
		"name":                {"Listen", func(s *Spec) { s.Listen = []string{"localhost:80"} }},
		"mapped address":      {"Listen", func(s *Spec) { s.Listen = []string{"[::ffff:127.0.0.1]:80"} }},
		"zone":                {"Listen", func(s *Spec) { s.Listen = []string{"[::1%lo]:80"} }},
		"too long":            {"Args and Env", func(s *Spec) { s.Env = []string{"A=" + strings.Repeat("x", 1<<20)} }},
	} {
		s := good()
		c.change(&s)
		var bad *SpecError
		if err := s.Validate(); !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: the error shows the environment: %v", name, err)
		}
	}
}

// What is valid says, to the spawner, exactly what was asked: nothing in it
// leads out of the cell, and it fits a message.
func checkValid(t interface{ Fatalf(string, ...any) }, s *Spec) {
	o, err := child.ParseOrder(s.order(1).Marshal())
	if err != nil || len(s.order(1).Marshal()) > child.MaxMessage {
		t.Fatalf("order: %v", err)
	}
	for i, b := range o.Binds {
		if b.Source != s.Root[i].Source || b.Target != s.Root[i].Target {
			t.Fatalf("bind %+v", b)
		}
		for _, own := range []string{"/", "/dev", "/proc", "/sys", "/tmp"} {
			if b.Target == own || path.Dir(b.Target) == own && own != "/" {
				t.Fatalf("target %q", b.Target)
			}
		}
		if strings.Contains(b.Target+"/", "/../") || strings.Contains(b.Target, "\x00") {
			t.Fatalf("target %q", b.Target)
		}
	}
	if o.Limits.Memory < minMemory || o.Limits.Pids < minPids || o.Limits.Tmp == 0 || o.Limits.CPUMillis == 0 {
		t.Fatalf("limits %+v", o.Limits)
	}
	for _, a := range o.Listen {
		if a.IP[0] != 127 && a.IP != "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" {
			t.Fatalf("address %v", a)
		}
	}
}

func TestValidSpecsStayInTheCell(t *testing.T) {
	name := rapid.SampledFrom([]string{"", ".", "..", "a", "dev", "proc", "tmp", "sys", "\x00", "usr", "etc"})
	rapid.Check(t, func(t *rapid.T) {
		file := func(label string) string {
			return "/" + strings.Join(rapid.SliceOfN(name, 0, 4).Draw(t, label), "/")
		}
		s := Spec{
			ID: "x", Args: []string{file("program")}, Dir: file("dir"),
			Root:        []Bind{{file("source"), file("target")}, {file("source"), file("target")}},
			MemoryBytes: rapid.Int64().Draw(t, "memory"), Pids: rapid.Int().Draw(t, "pids"), CPUMillis: rapid.Int().Draw(t, "cpu"),
		}
		if rapid.Bool().Draw(t, "reasonable") {
			s.MemoryBytes, s.Pids, s.CPUMillis = minMemory, 0, 0
		}
		if s.Validate() == nil {
			checkValid(t, &s)
		}
	})
}

func FuzzSpec(f *testing.F) {
	f.Add("id", "/usr", "/var/task", "/x", "A=b", "/", "127.0.0.1:80")
	f.Add("id", "/usr/..", "/proc/1", "x", "", "", "[::1]:1")
	f.Fuzz(func(t *testing.T, id, source, target, program, env, dir, listen string) {
		s := Spec{ID: id, Root: []Bind{{source, target}}, Args: []string{program}, Env: []string{env}, Dir: dir, MemoryBytes: minMemory, Listen: []string{listen}}
		if s.Validate() == nil {
			checkValid(t, &s)
		}
	})
}
