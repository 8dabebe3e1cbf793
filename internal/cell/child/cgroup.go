package child

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The kernel offers control groups in two versions. With version 2 there is one
// tree, and a process is born into its group (CLONE_INTO_CGROUP). With version 1
// each controller has a tree of its own, and moving a process takes
// milliseconds, for which the kernel quiesces everything; but a thread that moves
// itself, by writing 0, does not wait, and what it then forks is born where it
// is. So one thread of the spawner forks all cells, from inside their groups.
//
// The few files needed are a few lines either way, so no library: the usual one
// drags in D-Bus, BPF and a logger, and moves processes the slow way.

// groups makes the control groups of cells, all below one directory (for each
// tree) that belongs to this spawner.
type groups interface {
	create(name string) (group, error)
	leave() error // undoes enter
	close()
}

// group is the control group of one cell.
type group interface {
	set(Limits) error
	// directory is an open file for CLONE_INTO_CGROUP, or -1 where enter moves
	// the calling thread instead, for its children to be born in the group.
	directory() int
	enter() error
	// watch calls the kernel's word for "out of memory" to a file that becomes
	// readable; -1 where the kernel itself ends the whole group.
	watch() (int, error)
	// peakFile tells the most memory used, -1 if the kernel does not.
	peakFile() int
	usage() (peak uint64, oom bool)
	remove() error
}

// hierarchy is a mounted tree of control groups and this process's place in it.
type hierarchy struct {
	path        string // own directory
	controllers []string
}

// hierarchies finds the trees from /proc/self: those of version 1 by their
// controllers, and the one of version 2, or "".
func hierarchies() (v1 []hierarchy, v2 string, err error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, "", err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, "", err
	}
	v1, v2 = parseHierarchies(string(own), string(mounts))
	return v1, v2, nil
}

func parseHierarchies(own, mounts string) (v1 []hierarchy, v2 string) {
	places := map[string]string{} // by controller; "" for version 2
	for _, line := range strings.Split(own, "\n") {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 {
			for _, c := range strings.Split(f[1], ",") {
				places[c] = f[2]
			}
		}
	}
	for _, line := range strings.Split(mounts, "\n") {
		m, ok := parseMount(line)
		switch {
		case !ok:
		case m.kind == "cgroup2":
			if place, ok := m.inside(places[""]); ok {
				v2 = place
			}
		case m.kind == "cgroup":
			for _, c := range m.options {
				if place, known := places[c]; known && c != "" {
					if path, ok := m.inside(place); ok {
						v1 = append(v1, hierarchy{path: path, controllers: []string{c}})
					}
				}
			}
		}
	}
	return v1, v2
}

// mountLine is what matters of a line of /proc/self/mountinfo.
type mountLine struct {
	root, point, kind string
	options           []string
}

func parseMount(line string) (mountLine, bool) {
	before, after, ok := strings.Cut(line, " - ")
	f, g := strings.Fields(before), strings.Fields(after)
	if !ok || len(f) < 6 || len(g) < 3 {
		return mountLine{}, false
	}
	return mountLine{root: f[3], point: f[4], kind: g[0], options: strings.Split(g[2], ",")}, true
}

// inside is where a group of the tree appears in the file system, if it does.
func (m mountLine) inside(place string) (string, bool) {
	if place == "" {
		return "", false
	}
	if m.root != "/" {
		rest, ok := strings.CutPrefix(place, m.root)
		if !ok || (rest != "" && rest[0] != '/') {
			return "", false
		}
		place = rest
	}
	return strings.TrimSuffix(m.point+place, "/"), true
}

// errNoCgroups is the reason where neither version can be used.
var errNoCgroups = errors.New("no control group file system is mounted; mount cgroup2 on /sys/fs/cgroup")

// openGroups finds the version that has the controllers needed. All cells
// together get that many bytes of memory; 0: CellsMemory.
func openGroups(memory uint64) (groups, error) {
	if memory == 0 {
		var err error
		if memory, err = CellsMemory(); err != nil {
			return nil, err
		}
	}
	v1, v2, err := hierarchies()
	if err != nil {
		return nil, err
	}
	if g, err := openGroups1(v1, memory); g != nil || err != nil {
		return g, err
	}
	if v2 == "" {
		return nil, errNoCgroups
	}
	return openGroups2(v2, memory)
}

// groupPrefix begins the names of spawners' directories. Process ids mean
// something in their namespace only, so that is part of it.
func groupPrefix() string {
	ns, _ := os.Readlink("/proc/self/ns/pid")
	return "cloister-" + strings.Trim(ns, "pid:[]") + "-"
}

// ownName names this spawner's directory: the process id, and its start time
// against the id being used again.
func ownName() string {
	return groupPrefix() + strconv.Itoa(os.Getpid()) + "-" + startTime(os.Getpid())
}

// startTime is field 22 of /proc/PID/stat, "" when there is no such process.
func startTime(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 {
		return ""
	}
	return f[19]
}

// removeStale removes the directories of spawners that are gone, which were
// killed before they could.
func removeStale(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	prefix := groupPrefix()
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), prefix)
		pidText, start, two := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(pidText)
		if ok && two && err == nil && startTime(pid) != start {
			removeTree(parent + "/" + e.Name())
		}
	}
}

// removeTree ends what is left in the group at dir and removes it and those
// below it.
func removeTree(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeTree(dir + "/" + e.Name())
		}
	}
	b, _ := os.ReadFile(dir + "/cgroup.procs")
	for _, f := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	removeDir(dir)
}

// removeDir removes an empty group. The kernel says busy for a moment after the
// last process died.
func removeDir(dir string) error {
	var err error
	for wait := time.Millisecond; wait < time.Second; wait *= 2 {
		if err = syscall.Rmdir(dir); err != syscall.EBUSY {
			return err
		}
		time.Sleep(wait)
	}
	return err
}

// put writes a value to a file of a group.
func put(path, value string) error {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_, err = syscall.Write(fd, []byte(value))
	return err
}

func exists(path string) bool {
	var st syscall.Stat_t
	return syscall.Stat(path, &st) == nil
}

// number reads a file that holds one; 0 if it does not.
func number(path string) uint64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n
}

// counter reads a value by its key from a file of "key value" lines.
func counter(path, key string) uint64 {
	b, _ := os.ReadFile(path)
	for _, line := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, key+" "); ok {
			n, _ := strconv.ParseUint(rest, 10, 64)
			return n
		}
	}
	return 0
}

// openPeak opens a file of a group for Event.Peakable.
func openPeak(path string) int {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

// All cells of a node together weigh against the rest of the host as much as it
// has processors, and each by its own share within that.

// shares is the weight of version 1: 1024 a processor.
func shares(cpuMillis uint64) uint64 { return max(2, cpuMillis*1024/1000) }

// weight is the weight of version 2, 100 a processor, within what it accepts.
func weight(cpuMillis uint64) uint64 { return min(max(1, cpuMillis/10), 10000) }
