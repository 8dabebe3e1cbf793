package child

import (
	"runtime"
	"strconv"
	"sync"
	"syscall"
)

// cell is the spawner's side of one.
type cell struct {
	id    uint64
	made  chan struct{} // closed when make is done: then err, control and group are set
	err   error
	group group

	control int // socket to the stage, then to pid1

	// reading is held by whoever reads from control, so that the last message
	// of the stage and the first of pid1 go to their readers.
	reading sync.Mutex

	pid    int  // guarded by spawner.mu; 0 before and after its life
	killed bool // guarded by spawner.mu
}

// namespaces of a cell at its birth. The cgroup and time namespaces follow from
// inside, once it is where it belongs.
const namespaces = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS

// add enters a cell that is about to be made.
func (s *spawner) add(id uint64) *cell {
	c := &cell{id: id, made: make(chan struct{}), control: -1}
	s.mu.Lock()
	s.cells[id] = c
	s.mu.Unlock()
	return c
}

// make clones the cell's first process inside its group.
func (s *spawner) make(c *cell) {
	defer close(c.made)
	s.makeEmpty(c)
}

func (s *spawner) makeEmpty(c *cell) {
	if c.err = failed(LayerInit, "make the first process's program", s.initErr); c.err != nil {
		return
	}
	if c.err = s.makeGroup(c); c.err != nil {
		return
	}
	c.err = s.clone(c)
}

func (s *spawner) makeGroup(c *cell) error {
	if s.groups == nil {
		return &Failure{Layer: LayerMemory, What: s.grpErr.Error(), Errno: syscall.ENOTSUP}
	}
	var err error
	c.group, err = s.groups.create(strconv.Itoa(int(c.id)))
	return err
}

func (s *spawner) clone(c *cell) error {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return failed(LayerInit, "make a socket", err)
	}
	defer syscall.Close(pair[1])
	c.control = pair[0]
	forked := make(chan error)
	s.forks <- func() { forked <- s.forkInside(c, pair[1]) }
	return <-forked
}

// forkInside runs on the forking thread.
func (s *spawner) forkInside(c *cell, control int) error {
	if err := c.group.enter(); err != nil {
		return err
	}
	defer s.groups.leave()
	s.forkMu.RLock()
	defer s.forkMu.RUnlock()
	pid, err := s.fork(c.group.directory(), control)
	if err != nil {
		return failed(LayerUser, "clone into new namespaces", err)
	}
	s.enter(c, pid)
	return nil
}

// forker is the one thread that forks. It never ends: cells die with it.
func (s *spawner) forker() {
	runtime.LockOSThread()
	for fork := range s.forks {
		fork()
	}
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

// finish tells the node how a cell ended, when nothing of it is left.
func (s *spawner) finish(c *cell) {
	ev := Event{Kind: EventExited, ID: c.id}
	<-c.made
	c.reading.Lock()
	defer c.reading.Unlock()
	var b [4]byte
	n, _, err := syscall.Recvfrom(c.control, b[:], syscall.MSG_DONTWAIT)
	if err == nil && n == 4 {
		ev.Ended = true
		ev.Status = uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	}
	syscall.Close(c.control)
	ev.Peak, ev.OOM = c.group.usage()
	s.oom.forget(c.id)
	s.remove(c)
	s.tell(&ev)
	c.group.remove()
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
		syscall.Close(c.control)
	}
	if c.group != nil {
		c.group.remove()
	}
}
