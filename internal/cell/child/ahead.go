package child

import (
	"runtime"
	"strings"
	"syscall"
)

// ahead boots the program before there is work for it.
//
// This thread is confined as for any other program and starts it. Another thread
// keeps the stage's capabilities, in the cell's own namespaces, and only adds what
// comes with the work: mounts, a network, listeners. There is nothing of anybody
// in the cell meanwhile. The work reaches the program whole when its socket ends,
// which is when this process has become pid1: then that thread is no more.
func (s *stage) ahead() error {
	if err := s.buildEmpty(); err != nil {
		return err
	}
	h := newHand()
	if err := s.confine(0); err != nil {
		return err
	}
	null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return failed(LayerRoot, "open /dev/null", err)
	}
	pid, work, err := s.boot(null)
	if err != nil {
		return err
	}
	if err := s.awaitWork(work); err != nil {
		return err
	}
	if err := h.do(s.equip); err != nil {
		return err
	}
	return s.handOver(pid, work, null)
}

// buildEmpty is build without what comes with the work.
func (s *stage) buildEmpty() error {
	if err := s.attachBinds(newRoot); err != nil {
		return err
	}
	for _, place := range s.order.Places {
		fd, err := makeTarget(newRoot, place, true)
		if err != nil {
			return failed(LayerSpec, "make a place for "+place, err)
		}
		syscall.Close(fd)
	}
	if err := mountTmp(s.order.Limits.Tmp); err != nil {
		return failed(LayerTmp, "mount /tmp", err)
	}
	if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
		return failed(LayerCgroup, "leave the host's cgroup namespace", err)
	}
	return enterRoot()
}

// boot executes the program, with a socket for its work as file 3, to which it is to
// write a byte when it waits.
func (s *stage) boot(null int) (pid, work int, err error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, -1, failed(LayerInit, "make a socket", err)
	}
	if len(s.files) < 2 {
		return 0, -1, errMessage
	}
	o := s.order
	pid, err = syscall.ForkExec(o.Args[0], o.Args, &syscall.ProcAttr{
		Dir:   "/",
		Env:   o.Env,
		Files: []uintptr{uintptr(null), uintptr(s.files[0]), uintptr(s.files[1]), uintptr(pair[1])},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	closeAll(append(s.files[:2:2], pair[1]))
	s.files = nil
	return pid, pair[0], failed(LayerExec, "execute "+o.Args[0], err)
}

// awaitWork waits for the program, tells the spawner that it waits, and takes the
// next order.
func (s *stage) awaitWork(work int) error {
	if err := ready(work); err != nil {
		return failed(LayerExec, "boot "+s.order.Args[0], err)
	}
	booted := Event{Kind: EventBooted}
	if err := send(controlFD, booted.Marshal()); err != nil {
		return failed(LayerInit, "report that the program waits", err)
	}
	if err := s.receiveOrder(); err != nil {
		return err
	}
	if s.order.Op != OpAssign {
		return failed(LayerInit, "read the assignment", errMessage)
	}
	return nil
}

func ready(work int) error {
	var b [1]byte
	for {
		n, err := syscall.Read(work, b[:])
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return err
		case n == 0:
			return syscall.EPIPE
		default:
			return nil
		}
	}
}

// equip adds what comes with the work.
func (s *stage) equip() error {
	if err := s.tunnel(); err != nil {
		return failed(LayerTunnel, "make the network interface", err)
	}
	if len(s.files) < 2+len(s.order.Binds) {
		return failed(LayerInit, "read the assignment", errMessage) // the host's paths mean nothing here
	}
	if err := s.attachBinds("/"); err != nil {
		return err
	}
	if err := resizeTmp(s.order.Limits.Tmp); err != nil {
		return failed(LayerTmp, "resize /tmp", err)
	}
	return s.listen()
}

// handOver gives the program its work, and becomes pid1. The program acts on it
// only when this process has: should that fail, it is ended first.
func (s *stage) handOver(pid, work, null int) error {
	// One that has ended since does not take it.
	err := failed(LayerExec, "give the program its work", writeAll(work, workText(s.order)))
	if err == nil {
		started := Event{Kind: EventStarted}
		err = failed(LayerInit, "report the start", send(controlFD, started.Marshal(), s.out...))
	}
	if err == nil {
		err = becomePID1(pid, null)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	return err
}

// workText is the working directory and the environment, each followed by a zero
// byte.
func workText(o *Order) []byte {
	return []byte(o.Dir + "\x00" + strings.Join(append(o.Env, ""), "\x00"))
}

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := syscall.Write(fd, b)
		if err != nil && err != syscall.EINTR {
			return err
		}
		b = b[max(n, 0):]
	}
	return nil
}

// hand is a thread that keeps the power to build.
type hand struct {
	tasks chan func() error
	done  chan error
}

func newHand() *hand {
	h := &hand{make(chan func() error), make(chan error)}
	go h.serve()
	_ = h.do(func() error { return nil }) // from now on it has a thread
	return h
}

// serve never unlocks its thread: what ran there before could run others later.
func (h *hand) serve() {
	runtime.LockOSThread()
	for task := range h.tasks {
		h.done <- task()
	}
}

func (h *hand) do(task func() error) error {
	h.tasks <- task
	return <-h.done
}
