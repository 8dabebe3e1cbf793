package child

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// groups2 is this spawner's directory in the one tree.
type groups2 struct{ dir string }

// wanted are the controllers of version 2 that cells need.
var wanted = []string{"memory", "cpu", "pids"}

const undelegated = "; run the node as root, or in a delegated scope: systemd-run --user --scope -p Delegate=yes cloister up"

// openGroups2 makes the directory below the node's own group, or, where that
// can not pass on the controllers and the node is root, at the top.
func openGroups2(own string, memory uint64) (groups, error) {
	parents := []string{own}
	if top := mountPoint2(own); top != own && os.Geteuid() == 0 {
		parents = append(parents, top)
	}
	var errs []string
	for _, parent := range parents {
		removeStale(parent)
		err := passOn(parent)
		if err == nil {
			g := &groups2{parent + "/" + ownName()}
			if err = os.Mkdir(g.dir, 0o755); err == nil {
				err = enable(g.dir)
			}
			if err == nil {
				err = limitTogether2(g.dir, memory)
			}
			if err == nil {
				err = put(g.dir+"/cpu.weight", strconv.FormatUint(weight(1000*uint64(runtime.NumCPU())), 10))
			}
			if err == nil {
				return g, nil
			}
		}
		errs = append(errs, err.Error())
	}
	return nil, errors.New(strings.Join(errs, "; ") + undelegated)
}

// mountPoint2 is the top of the tree that own lies in.
func mountPoint2(own string) string {
	top := own
	for exists(parentDir(top) + "/cgroup.controllers") {
		top = parentDir(top)
	}
	return top
}

func parentDir(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

// passOn makes parent's children have the controllers. A group with processes
// in it can not, so the node and this spawner, if they are alone there, first
// move into a group of their own.
func passOn(parent string) error {
	err := enable(parent)
	if err != syscall.EBUSY {
		return err
	}
	home := parent + "/node"
	if err := os.Mkdir(home, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	for _, pid := range []int{os.Getppid(), os.Getpid()} {
		if err := put(home+"/cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return enable(parent)
}

// enable passes the wanted controllers on to the groups below dir.
func enable(dir string) error {
	have, err := os.ReadFile(dir + "/cgroup.controllers")
	if err != nil {
		return err
	}
	on, _ := os.ReadFile(dir + "/cgroup.subtree_control")
	for _, c := range wanted {
		if !hasField(string(have), c) {
			return errors.New("control groups (version 2) have no " + c + " controller at " + dir)
		}
		if hasField(string(on), c) {
			continue
		}
		if err := put(dir+"/cgroup.subtree_control", "+"+c); err != nil {
			return err
		}
	}
	return nil
}

func hasField(text, field string) bool {
	for _, f := range strings.Fields(text) {
		if f == field {
			return true
		}
	}
	return false
}

func (g *groups2) close() { removeTree(g.dir) }

func (g *groups2) create(name string) (group, error) {
	dir := g.dir + "/" + name
	if err := syscall.Mkdir(dir, 0o755); err != nil {
		return nil, failed(LayerMemory, "make "+dir, err)
	}
	fd, err := syscall.Open(dir, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		syscall.Rmdir(dir)
		return nil, failed(LayerMemory, "open "+dir, err)
	}
	return &group2{dir, fd}, nil
}

type group2 struct {
	dir string
	fd  int
}

func (c *group2) directory() int { return c.fd }

func (c *group2) set(l Limits) error {
	for _, f := range []struct{ layer, file, value string }{
		{LayerMemory, "memory.max", strconv.FormatUint(l.Memory, 10)},
		{LayerMemory, "memory.oom.group", "1"},
		{LayerCPU, "cpu.weight", strconv.FormatUint(weight(l.CPUMillis), 10)},
		{LayerPids, "pids.max", strconv.FormatUint(l.Pids+1, 10)}, // and pid1
	} {
		if err := put(c.dir+"/"+f.file, f.value); err != nil {
			return failed(f.layer, "set "+f.file, err)
		}
	}
	// Missing where the kernel has no swap.
	if swap := c.dir + "/memory.swap.max"; exists(swap) {
		return failed(LayerMemory, "limit swap", put(swap, "0"))
	}
	return nil
}

func (c *group2) enter() error { return nil }

func (g *groups2) leave() error { return nil }

func (c *group2) watch() (int, error) { return -1, nil }

func (c *group2) peakFile() int { return openPeak(c.dir + "/memory.peak") }

func (c *group2) usage() (peak uint64, oom bool) {
	return number(c.dir + "/memory.peak"), counter(c.dir+"/memory.events", "oom_kill") > 0
}

func (c *group2) remove() error {
	if c.fd >= 0 {
		syscall.Close(c.fd)
		c.fd = -1
	}
	return removeDir(c.dir)
}
