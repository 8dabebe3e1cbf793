package child

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// cell is the spawner's side of one.
type cell struct {
	id    uint64
	made  chan struct{} // closed when make is done: then err, control and group are set
	err   error
	group group

	control int        // socket to the stage, then to pid1
	joined  chan error // the limits hold, or do not

	// reading is held by whoever reads from control, so that the last message
	// of the stage and the first of pid1 go to their readers.
	reading sync.Mutex

	pid    int  // guarded by spawner.mu; 0 before and after its life
	killed bool // guarded by spawner.mu
}

// namespaces of a cell at its birth. The cgroup and time namespaces follow from
// inside, once it is where it belongs.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// add enters a cell that is about to be made.
func (s *spawner) add(id uint64) *cell {
	c := &cell{id: id, made: make(chan struct{}), joined: make(chan error, 1), control: -1}
	s.mu.Lock()
	s.cells[id] = c
	s.mu.Unlock()
	return c
}

// make clones the cell's first process and puts it under its group. Joining
// goes on while the stage builds.
func (s *spawner) make(c *cell) {
	defer close(c.made)
	if c.err = failed(LayerInit, "make the first process's program", s.initErr); c.err != nil {
		return
	}
	if c.err = s.makeGroup(c); c.err != nil {
		return
	}
	if c.err = s.clone(c); c.err != nil {
		return
	}
	go func() { c.joined <- s.join(c) }()
}

func (s *spawner) makeGroup(c *cell) error {
	if s.groups == nil {
		return &Failure{Layer: LayerMemory, What: s.grpErr.Error(), Errno: unix.ENOTSUP}
	}
	var err error
	c.group, err = s.groups.create(decimal(int(c.id)))
	return err
}

func (s *spawner) clone(c *cell) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return failed(LayerInit, "make a socket", err)
	}
	defer unix.Close(pair[1])
	c.control = pair[0]
	s.forkMu.RLock()
	defer s.forkMu.RUnlock()
	pid, err := s.fork(c.group.directory(), pair[1])
	if err != nil {
		return failed(LayerUser, "clone into new namespaces", err)
	}
	s.enter(c, pid)
	return nil
}

// fork executes this binary as the stage of a cell.
func (s *spawner) fork(group, control int) (int, error) {
	attr := &syscall.SysProcAttr{Cloneflags: namespaces, AmbientCaps: stageCapabilities}
	if group >= 0 {
		attr.UseCgroupFD, attr.CgroupFD = true, group
	}
	s.users.apply(attr)
	return syscall.ForkExec(selfPath, []string{StageName}, &syscall.ProcAttr{
		Dir:   "/",
		Env:   stageEnv,
		Files: []uintptr{uintptr(s.null), uintptr(s.null), 2, uintptr(control), uintptr(s.init)},
		Sys:   attr,
	})
}

// enter makes the new process known, and ends it at once if the order to do so
// has come already.
func (s *spawner) enter(c *cell, pid int) {
	s.mu.Lock()
	c.pid = pid
	s.pids[pid] = c
	if c.killed {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	s.mu.Unlock()
	select {
	case s.forked <- struct{}{}:
	default:
	}
}

func (s *spawner) join(c *cell) error {
	s.mu.Lock()
	pid := c.pid
	s.mu.Unlock()
	if pid == 0 {
		return failed(LayerMemory, "join", unix.ESRCH)
	}
	return c.group.join(pid)
}

// finish tells the node how a cell ended, when nothing of it is left.
func (s *spawner) finish(c *cell) {
	ev := Event{Kind: EventExited, ID: c.id}
	<-c.made
	c.reading.Lock()
	defer c.reading.Unlock()
	var b [4]byte
	n, _, err := unix.Recvfrom(c.control, b[:], unix.MSG_DONTWAIT)
	if err == nil && n == 4 {
		ev.Ended = true
		ev.Status = uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	}
	unix.Close(c.control)
	ev.Peak, ev.OOM = c.group.usage()
	s.oom.forget(c.id)
	c.group.remove()
	s.remove(c)
	s.tell(&ev)
}

// remove takes a cell off the list, and says whether it was on it.
func (s *spawner) remove(c *cell) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.cells[c.id]
	delete(s.cells, c.id)
	return ok
}

// failed says that make is done and did not succeed.
func (c *cell) failed() bool {
	select {
	case <-c.made:
		return c.err != nil
	default:
		return false
	}
}

// discard undoes what make did of a cell that never lived.
func (s *spawner) discard(c *cell) {
	if !s.remove(c) {
		return
	}
	if c.control >= 0 {
		unix.Close(c.control)
	}
	if c.group != nil {
		c.group.remove()
	}
}
