package house

import (
	"strings"
	"testing"
)

// floors lists the rooms from the ground up. The longest matching prefix
// decides a package's floor.
var floors = []struct {
	prefix string
	floor  int
}{
	{"policy", 0},
	{"internal/awsapi", 0},
	{"internal/seal", 0},
	{"internal/redact", 0},
	{"internal/secretscan", 0},
	{"internal/dial", 0},
	{"internal/netpolicy", 0},
	{"internal/oidc", 0},
	{"internal/store", 1},
	{"internal/blob", 1},
	{"internal/cell", 1},
	{"internal/outbox", 2},
	{"internal/audit", 2},
	{"internal/door", 3},
	{"internal/gate", 3},
	{"internal/guardrail", 2},
	{"internal/service", 4},
	{"internal/node", 5},
	{"internal/console", 5},
	{"cmd", 6},
	{"test", 7},
}

func floorOf(dir string) (room string, floor int) {
	floor = -1
	for _, f := range floors {
		if (dir == f.prefix || strings.HasPrefix(dir, f.prefix+"/")) && len(f.prefix) > len(room) {
			room, floor = f.prefix, f.floor
		}
	}
	return room, floor
}

// service names the service a folder belongs to, or "" for none.
func service(dir string) string {
	rest, ok := strings.CutPrefix(dir, "internal/service/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func TestRoomsImportOnlyLowerFloors(t *testing.T) {
	for _, s := range sources(t) {
		room, floor := floorOf(s.dir())
		if floor < 0 && s.dir() != "internal/house" {
			t.Errorf("%s: this folder is on no floor; add it to floors in internal/house and to docs/architecture.md", s.path)
		}
		for _, imp := range s.imports {
			checkImport(t, s, room, floor, imp)
		}
	}
}

func checkImport(t *testing.T, s source, room string, floor int, imp string) {
	dir, ok := strings.CutPrefix(imp, module+"/")
	if !ok || s.isTest() {
		return
	}
	otherRoom, otherFloor := floorOf(dir)
	if otherFloor > floor || (otherFloor == floor && otherRoom != room && floor > 0) {
		t.Errorf("%s (floor %d) imports %s (floor %d): a room imports rooms on lower floors only, so that each can be understood and tested without the ones above", s.path, floor, imp, otherFloor)
	}
	if a, b := service(s.dir()), service(dir); a != "" && b != "" && a != b {
		t.Errorf("%s imports %s: services never import each other; call through the door as a principal, so that the call is authorised and audited", s.path, imp)
	}
}

func TestPolicyNeedsOnlyTheStandardLibrary(t *testing.T) {
	for _, s := range sources(t) {
		if room, _ := floorOf(s.dir()); room != "policy" || s.isTest() {
			continue
		}
		for _, imp := range s.imports {
			if strings.Contains(strings.Split(imp, "/")[0], ".") {
				t.Errorf("%s imports %s: policy is a public package of pure functions and brings no dependencies to its users", s.path, imp)
			}
		}
	}
}
