package child

import (
	"sync"
	"syscall"
	"time"
)

// spawner clones cells for the node, which is large and does not fork, and
// waits for them to end. It holds nothing but what is on its way to a cell.
//
// It learns of the node's end by end-of-file on the socket, not by a parent
// death signal: that one comes already when the thread ends that started the
// spawner. Cells do have one, against the spawner being killed: the thread that
// starts them stays.
type spawner struct {
	users   *users
	groups  groups // nil: groupsErr says why
	grpErr  error
	trees   bool // files for cells can be opened here
	init    int  // pid1, as an open file, unless initErr
	initErr error
	null    int

	sendMu sync.Mutex  // one event at a time
	forks  chan func() // what the forking thread is to do

	// forkMu is held for reading from clone until the cell is in pids, and
	// taken by the reaper before it looks there.
	forkMu sync.RWMutex
	forked chan struct{} // wakes the reaper when there was no child

	mu    sync.Mutex // guards the maps and the cells' fields that say so
	cells map[uint64]*cell
	pids  map[int]*cell

	oom *oomWatch
}

func runSpawner(memory uint64) int {
	// Marked, not closed: the Go runtime has files of its own open by now.
	if err := closeRange(controlFD+1, closeRangeCloexec); err != nil {
		return 2
	}
	syscall.CloseOnExec(controlFD)
	s, err := newSpawner(memory)
	if err != nil {
		return 2
	}
	s.serve()
	s.close()
	return 0
}

func newSpawner(memory uint64) (*spawner, error) {
	s := &spawner{users: newUsers(), cells: map[uint64]*cell{}, pids: map[int]*cell{}, forked: make(chan struct{}, 1), forks: make(chan func())}
	var err error
	if s.null, err = syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0); err != nil {
		return nil, err
	}
	s.init, s.initErr = pid1File()
	if tree, err := openTree("/dev/null", 0, safeAttr); err == nil {
		s.trees = true
		syscall.Close(tree)
	}
	s.groups, s.grpErr = openGroups(memory)
	if s.oom, err = newOOMWatch(s.kill); err != nil {
		return nil, err
	}
	go s.reap()
	go s.forker()
	return s, nil
}

// serve carries out orders until the node closes the socket.
func (s *spawner) serve() {
	buf := make([]byte, MaxMessage)
	for {
		b, files, err := receive(controlFD, buf)
		if err != nil {
			return
		}
		o, err := ParseOrder(b)
		if err != nil {
			closeAll(files)
			return
		}
		raw := append([]byte(nil), b...)
		s.carryOut(o, raw, files)
	}
}

func (s *spawner) carryOut(o *Order, raw []byte, files []int) {
	switch o.Op {
	case OpMake:
		c := s.add(o.ID)
		go s.make(c)
	case OpBoot:
		c := s.add(o.ID)
		go s.boot(c, o, raw, files)
		return
	case OpAssign:
		go s.assign(o, raw, files)
		return
	case OpKill:
		s.kill(o.ID)
	case OpProbe:
		go s.probe(o.ID, o.Filter)
	}
	closeAll(files)
}

func (s *spawner) tell(ev *Event, files ...int) {
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	send(controlFD, ev.Marshal(), files...) // an error means that the node is gone, and serve sees that
}

// kill ends a cell, or has it end as soon as it exists.
func (s *spawner) kill(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cells[id]
	if c == nil {
		return
	}
	c.killed = true
	switch {
	case c.pid > 0:
		syscall.Kill(c.pid, syscall.SIGKILL)
	case c.failed():
		go s.discard(c)
	}
}

// close ends every cell and waits for them, within reason.
func (s *spawner) close() {
	for range 500 {
		s.mu.Lock()
		ids := make([]uint64, 0, len(s.cells))
		for id := range s.cells {
			ids = append(ids, id)
		}
		s.mu.Unlock()
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			s.kill(id)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if s.groups != nil {
		s.groups.close()
	}
}

// reap collects the dead. Only cells' first processes are children of the
// spawner, so one thread waits for all.
func (s *spawner) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch err {
		case nil:
			s.dead(pid)
		case syscall.ECHILD:
			<-s.forked
		}
	}
}

func (s *spawner) dead(pid int) {
	s.forkMu.Lock() // waits for a clone in progress to be entered in pids
	s.mu.Lock()
	c := s.pids[pid]
	delete(s.pids, pid)
	if c != nil {
		c.pid = 0 // the id may be used again
	}
	s.mu.Unlock()
	s.forkMu.Unlock()
	if c != nil {
		go s.finish(c)
	}
}

// selfPath is this binary. It is opened by the kernel at execution, so that a
// replaced or removed file does no harm.
const selfPath = "/proc/self/exe"

// stageEnv makes the Go runtime of a stage start quicker: one processor, no look
// at limits, no garbage collection, no preemption; it runs for milliseconds.
var stageEnv = []string{"GOMAXPROCS=1", "GOGC=off", "GODEBUG=containermaxprocs=0,updatemaxprocs=0,asyncpreemptoff=1"}
