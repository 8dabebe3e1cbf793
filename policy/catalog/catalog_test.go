package catalog

import (
	"slices"
	"strings"
	"testing"
)

// Every service parses, its actions are in order (Action searches them so), and
// what a line refers to is there.
func TestTable(t *testing.T) {
	actions := 0
	for _, prefix := range Prefixes() {
		s, ok := Find(prefix)
		if !ok || s.Prefix != prefix {
			t.Fatalf("%s is not found", prefix)
		}
		for i := range s.Actions {
			a := &s.Actions[i]
			if found, ok := s.Action(strings.ToUpper(a.Name)); !ok || found != a {
				t.Errorf("%s:%s is not found", prefix, a.Name)
			}
			if !strings.ContainsRune("LRWTP", rune(a.Access)) {
				t.Errorf("%s:%s has access %c", prefix, a.Name, a.Access)
			}
		}
		for _, k := range s.Keys {
			if !strings.Contains(k.Name, ":") || k.Base() == "" {
				t.Errorf("%s has key %+v", prefix, k)
			}
		}
		actions += len(s.Actions)
	}
	if len(Prefixes()) < 400 || actions < 15_000 {
		t.Errorf("%d services with %d actions", len(Prefixes()), actions)
	}
}

func TestLambda(t *testing.T) {
	s, ok := Find("lambda")
	if !ok {
		t.Fatal("no lambda")
	}
	a, ok := s.Action("addpermission")
	if !ok || a.Name != "AddPermission" || a.Access != Permissions || len(a.Resources) != 1 || a.Resources[0].Name != "function" {
		t.Errorf("%+v", a)
	}
	for key, takes := range map[string]bool{"lambda:Principal": true, "LAMBDA:principal": true, "aws:ResourceTag/team": true, "aws:ResourceTag/": false, "lambda:Layer": false} {
		if a.Takes(key) != takes {
			t.Errorf("%s: takes %v", key, !takes)
		}
	}
	if k, ok := s.Key("lambda:layer"); !ok || !k.Multivalued() || k.Base() != "String" {
		t.Errorf("%+v", k)
	}
	if _, ok := Find("nothing"); ok {
		t.Error("found what does not exist")
	}
}

func TestGlobalKeys(t *testing.T) {
	for _, name := range []string{"aws:sourceip", "AWS:PrincipalTag/Team", "aws:username"} {
		if _, ok := GlobalKey(name); !ok {
			t.Errorf("no %s", name)
		}
	}
	if _, ok := GlobalKey("aws:nothing"); ok {
		t.Error("found what does not exist")
	}
	if !slices.IsSortedFunc(global, func(a, b Key) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	}) {
		t.Error("not in order")
	}
}
