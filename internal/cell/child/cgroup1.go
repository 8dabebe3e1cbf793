package child

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"
)

// groups1 holds this spawner's directory in the tree of each controller.
type groups1 struct {
	dirs1
	home dirs1 // where the spawner itself is
}

// dirs1 is a directory in the tree of each controller.
type dirs1 struct{ memory, cpu, pids string }

// openGroups1 returns nil and no error where version 1 has none of the
// controllers.
func openGroups1(trees []hierarchy, memory uint64) (groups, error) {
	own := map[string]string{}
	for _, h := range trees {
		for _, c := range h.controllers {
			own[c] = h.path
		}
	}
	if own["memory"] == "" && own["pids"] == "" {
		return nil, nil
	}
	for _, c := range []string{"memory", "cpu", "pids"} {
		if own[c] == "" {
			return nil, errors.New("control groups (version 1) have no " + c + " controller; mount it, or boot with cgroup version 2")
		}
		removeStale(own[c])
	}
	home := dirs1{own["memory"], own["cpu"], own["pids"]}
	g := &groups1{dirs1: home.below(ownName()), home: home}
	for _, dir := range g.all() {
		if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
			return nil, errors.New(err.Error() + "; run as root, or on a machine with cgroup version 2 and delegation")
		}
	}
	if err := limitTogether1(g.memory, memory); err != nil {
		return nil, err
	}
	return g, put(g.cpu+"/cpu.shares", strconv.FormatUint(shares(1000*uint64(runtime.NumCPU())), 10))
}

func (d dirs1) all() []string { return []string{d.memory, d.cpu, d.pids} }

func (d dirs1) below(name string) dirs1 {
	return dirs1{d.memory + "/" + name, d.cpu + "/" + name, d.pids + "/" + name}
}

func (g *groups1) close() {
	for _, dir := range g.all() {
		removeTree(dir)
	}
}

func (g *groups1) create(name string) (group, error) {
	c := &group1{g.below(name)}
	for _, dir := range c.all() {
		if err := syscall.Mkdir(dir, 0o755); err != nil && err != syscall.EEXIST {
			c.remove()
			return nil, failed(LayerMemory, "make "+dir, err)
		}
	}
	return c, nil
}

type group1 struct{ dirs1 }

func (c *group1) directory() int { return -1 }

func (c *group1) set(l Limits) error {
	if err := limitMemory1(c.memory, l.Memory); err != nil {
		return failed(LayerMemory, "limit memory and swap", err)
	}
	if err := put(c.cpu+"/cpu.shares", strconv.FormatUint(shares(l.CPUMillis), 10)); err != nil {
		return failed(LayerCPU, "set the share", err)
	}
	return failed(LayerPids, "limit processes", put(c.pids+"/pids.max", strconv.FormatUint(l.Pids+1, 10))) // and pid1
}

func (c *group1) enter() error { return c.moveHere() }

func (g *groups1) leave() error { return g.home.moveHere() }

// moveHere moves the calling thread into the groups.
func (d dirs1) moveHere() error {
	for i, dir := range d.all() {
		if err := put(dir+"/tasks", "0"); err != nil {
			return failed([]string{LayerMemory, LayerCPU, LayerPids}[i], "enter "+dir, err)
		}
	}
	return nil
}

// watch asks for an event at every out-of-memory, of the group or of those above
// it: version 1 ends only one process, and the others of its cell must not go on
// without it.
func (c *group1) watch() (int, error) {
	control, err := syscall.Open(c.memory+"/memory.oom_control", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer syscall.Close(control)
	event, err := eventfd()
	if err != nil {
		return -1, err
	}
	if err := put(c.memory+"/cgroup.event_control", strconv.Itoa(event)+" "+strconv.Itoa(control)); err != nil {
		syscall.Close(event)
		return -1, err
	}
	return event, nil
}

func (c *group1) peakFile() int { return openPeak(c.memory + "/memory.max_usage_in_bytes") }

func (c *group1) usage() (peak uint64, oom bool) {
	return number(c.memory + "/memory.max_usage_in_bytes"), counter(c.memory+"/memory.oom_control", "oom_kill") > 0
}

func (c *group1) remove() error {
	var first error
	for _, dir := range c.all() {
		if err := removeDir(dir); err != nil && err != syscall.ENOENT && first == nil {
			first = err
		}
	}
	return first
}
