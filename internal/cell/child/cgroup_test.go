package child

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// fakeGroup is a directory with the files that the kernel would show.
func fakeGroup(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestVersion2Limits(t *testing.T) {
	files := map[string]string{
		"memory.max": "", "memory.swap.max": "", "memory.oom.group": "", "cpu.weight": "", "pids.max": "",
		"memory.peak": "4096\n", "memory.events": "low 0\noom 1\noom_kill 2\noom_group_kill 1\n",
	}
	c := &group2{dir: fakeGroup(t, files), fd: -1}
	if err := c.set(Limits{Memory: 1 << 27, CPUMillis: 500, Pids: 64}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"memory.max": "134217728", "memory.swap.max": "0", "memory.oom.group": "1", "cpu.weight": "50", "pids.max": "65"} {
		if got := read(t, c.dir+"/"+file); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	if peak, oom := c.usage(); peak != 4096 || !oom {
		t.Errorf("usage %d %v", peak, oom)
	}
}

func TestVersion2NeedsItsControllers(t *testing.T) {
	for _, c := range []struct{ have, on, want string }{
		{"cpuset cpu io memory pids", "", "+pids"}, // the last one written
		{"cpu memory pids", "cpu memory pids", "cpu memory pids"},
		{"hugetlb", "", "no memory controller"},
		{"cpu memory", "cpu memory", "no pids controller"},
	} {
		dir := fakeGroup(t, map[string]string{"cgroup.controllers": c.have, "cgroup.subtree_control": c.on})
		got := ""
		if err := enable(dir); err != nil {
			got = err.Error()
		} else {
			got = read(t, dir+"/cgroup.subtree_control")
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%q with %q on: %q", c.have, c.on, got)
		}
	}
}

// A cell is born in its group of version 2, whatever controllers that has.
func TestBornInItsGroup(t *testing.T) {
	_, own, err := hierarchies()
	if err != nil || own == "" {
		t.Skip("no control groups of version 2 are mounted here")
	}
	dir := own + "/cell-test-born"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("no control group can be made here: %v", err)
	}
	defer removeDir(dir)
	fd, err := syscall.Open(dir, syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	s := &spawner{users: newUsers()}
	if s.null, err = syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	s.init = s.null
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := s.fork(fd, pair[1])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { syscall.Kill(pid, syscall.SIGKILL); syscall.Wait4(pid, nil, 0, nil); closeAll(pair[:]) }()
	if got := strings.Fields(read(t, dir+"/cgroup.procs")); len(got) != 1 || got[0] != strconv.Itoa(pid) {
		t.Errorf("processes in the group: %v, want %d", got, pid)
	}
}

func TestStaleGroupsAreToldFromLiveOnes(t *testing.T) {
	parent := t.TempDir()
	for name, stays := range map[string]bool{
		ownName():                           true,  // this process
		groupPrefix() + "1-" + startTime(1): true,  // another that lives
		groupPrefix() + "1-1":               false, // the id is used again
		groupPrefix() + "99999999-5":        false, // it is gone
		"cloister-1-99999999-5":             true,  // of another pid namespace
		"cloister-x":                        true,
		groupPrefix() + "node":              true,
		"other":                             true,
	} {
		if err := os.Mkdir(parent+"/"+name, 0o755); err != nil {
			t.Fatal(err)
		}
		removeStale(parent)
		if _, err := os.Stat(parent + "/" + name); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}
