package child

import (
	"bytes"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

func TestOrdersComeBackAsTheyWere(t *testing.T) {
	text := rapid.StringN(0, 20, 40)
	rapid.Check(t, func(t *rapid.T) {
		o := &Order{
			Op: OpAssign, ID: rapid.Uint64().Draw(t, "id"),
			Limits: Limits{Memory: rapid.Uint64().Draw(t, "memory"), CPUMillis: 1, Pids: 2, Tmp: 3},
			Args:   rapid.SliceOfN(text, 1, 4).Draw(t, "args"), Env: rapid.SliceOfN(text, 1, 4).Draw(t, "env"),
			Places: rapid.SliceOfN(text, 1, 4).Draw(t, "places"), Dir: text.Draw(t, "dir"), Filter: text.Draw(t, "filter"),
			Binds:  []Bind{{text.Draw(t, "source"), text.Draw(t, "target")}},
			Listen: []Address{{text.Draw(t, "ip"), rapid.Uint64().Draw(t, "port")}},
			Tunnel: Tunnel{IP4: text.Draw(t, "ip4"), IP6: text.Draw(t, "ip6"), MTU: rapid.Uint64().Draw(t, "mtu")},
		}
		got, err := ParseOrder(o.Marshal())
		if err != nil || !reflect.DeepEqual(got, o) {
			t.Fatalf("%v: %+v, want %+v", err, got, o)
		}
	})
}

func TestEventsComeBackAsTheyWere(t *testing.T) {
	for _, ev := range []*Event{
		{Kind: EventStarted, ID: 1, Peakable: true},
		{Kind: EventStarted, ID: 1 << 60, Failure: &Failure{Layer: LayerExec, What: "execute", Errno: syscall.ENOENT}},
		{Kind: EventExited, ID: 7, Ended: true, Status: 0x8b, OOM: true, Peak: 1 << 40},
		{Kind: EventReport, Found: []Found{{LayerNet, "none"}, {LayerTime, ""}}},
	} {
		got, err := ParseEvent(ev.Marshal())
		if err != nil || !reflect.DeepEqual(got, ev) {
			t.Errorf("%v: %+v, want %+v", err, got, ev)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add((&Order{Op: OpAssign, Args: []string{"a"}, Listen: []Address{{"1234", 80}}}).Marshal())
	f.Add((&Event{Kind: EventReport, Found: []Found{{"a", "b"}}, Failure: &Failure{}}).Marshal())
	f.Add([]byte{2, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := ParseOrder(b); err == nil {
			again, err := ParseOrder(o.Marshal())
			if err != nil || !bytes.Equal(again.Marshal(), o.Marshal()) {
				t.Fatalf("%v: %+v, want %+v", err, again, o)
			}
		}
		if ev, err := ParseEvent(b); err == nil {
			again, err := ParseEvent(ev.Marshal())
			if err != nil || !bytes.Equal(again.Marshal(), ev.Marshal()) {
				t.Fatalf("%v: %+v, want %+v", err, again, ev)
			}
		}
	})
}

func TestHierarchies(t *testing.T) {
	const v1Mounts = `
25 20 0:22 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
26 20 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
27 20 0:24 /docker/abc /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
28 20 0:25 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
29 20 0:26 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw`
	for _, c := range []struct{ name, own, mounts, v1, v2 string }{
		{"version 1", "4:memory:/a/b\n3:cpu,cpuacct:/\n2:pids:/docker/abc/x\n1:name=systemd:/s\n0::/u", v1Mounts,
			"memory=/sys/fs/cgroup/memory/a/b cpu=/sys/fs/cgroup/cpu,cpuacct cpuacct=/sys/fs/cgroup/cpu,cpuacct pids=/sys/fs/cgroup/pids/x name=systemd=/sys/fs/cgroup/systemd/s", "/sys/fs/cgroup/unified/u"},
		{"version 2", "0::/user.slice/x.scope", "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate", "", "/sys/fs/cgroup/user.slice/x.scope"},
		{"not visible", "2:pids:/elsewhere", v1Mounts, "", ""},
		{"a neighbour of the mount's root", "2:pids:/docker/abcd", v1Mounts, "", ""},
		{"nothing", "", "", "", ""},
		{"nonsense", "::::\nx", "- \n1 2 3 - x\n - cgroup", "", ""},
	} {
		v1, v2 := parseHierarchies(c.own, c.mounts)
		var got []string
		for _, h := range v1 {
			got = append(got, strings.Join(h.controllers, ",")+"="+h.path)
		}
		if strings.Join(got, " ") != c.v1 || v2 != c.v2 {
			t.Errorf("%s: %q %q", c.name, strings.Join(got, " "), v2)
		}
	}
}

func TestUsersFitTheRangeThereIs(t *testing.T) {
	for _, c := range []struct {
		name, uidMap string
		first, size  uint32
	}{
		{"plain host", "         0          0 4294967295\n", ownFirst, ownSize},
		{"container", "0 100000 65536\n", 32768, 32768},
		{"two extents", "0 1000 1\n1 100000 65536\n", 32769, 32768},
		{"nonsense", "a b c\n\n1 2", ownFirst, ownSize},
	} {
		u := &users{own: true, first: ownFirst, size: ownSize}
		u.fit(c.uidMap)
		if u.first != c.first || u.size != c.size {
			t.Errorf("%s: from %d, %d ids", c.name, u.first, u.size)
		}
	}
}

func TestUsersAreNeverShared(t *testing.T) {
	u := &users{own: true, first: 100, size: 50}
	seen := map[int]bool{}
	for range 50 {
		id := u.take()
		if id < 100 || id >= 150 || seen[id] {
			t.Fatalf("id %d", id)
		}
		seen[id] = true
	}
}

// Packages are initialised in the order of their paths as far as their imports
// allow: an import from golang.org would put this one after everything on
// github.com, in every cell that is started.
func TestImportsAreFromTheStandardLibrary(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range parsed.Imports {
			path := strings.Trim(imp.Path.Value, `"`)
			if strings.Contains(path, ".") || strings.HasPrefix(path, "cloister/") || slices.Contains([]string{"fmt", "net", "encoding/json", "reflect"}, path) {
				t.Errorf("%s imports %s", file, path)
			}
		}
	}
}
