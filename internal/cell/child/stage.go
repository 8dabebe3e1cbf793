package child

import (
	"errors"
	"strconv"
	"syscall"
)

// stage is the inside of a cell before the program runs: one locked thread of
// this binary, alone in new namespaces, with the few capabilities there that
// building takes.
//
// The order matters and is this: base of the root, network; then, with the
// assignment, files, /tmp, listeners, pivot; then everything that gives up power,
// the system call filter last; then the program is started, and this process
// becomes pid1. The limits held from the start.
type stage struct {
	buf   [MaxMessage]byte
	order *Order
	files []int // of the order: stdout, stderr, with a tunnel its device, then a tree for each bind, if the spawner could open them
	out   []int // tunnel and listeners
	found []Found
}

func runStage() int {
	var s stage
	if err := s.run(); err != nil {
		ev := Event{Kind: EventStarted, Failure: failure(err)}
		if send(controlFD, ev.Marshal()) != nil {
			return 2
		}
		return 1
	}
	return 0 // not reached: pid1 took over
}

// failed names the layer and the action that err stopped.
func failed(layer, what string, err error) error {
	if err == nil {
		return nil
	}
	if f, ok := err.(*Failure); ok {
		return f
	}
	return &Failure{Layer: layer, What: what, Errno: errno(err)}
}

func failure(err error) *Failure {
	if f, ok := err.(*Failure); ok {
		return f
	}
	return &Failure{Layer: LayerInit, What: err.Error(), Errno: errno(err)}
}

func (s *stage) run() error {
	if err := s.prepare(); err != nil {
		return err
	}
	if err := s.receiveOrder(); err != nil {
		return err
	}
	if s.order.Op == OpBoot {
		return s.ahead()
	}
	if err := s.build(); err != nil {
		return err
	}
	if err := s.confine(seccompFilterFlagTsync); err != nil {
		return err
	}
	if s.order.Op == OpProbe {
		return s.report()
	}
	return s.start()
}

// prepare does what needs no knowledge of the program.
func (s *stage) prepare() error {
	// Whatever was open in the processes above is not for the cell.
	if err := closeRange(controlFD, closeRangeCloexec); err != nil {
		return failed(LayerInit, "mark inherited files", err)
	}
	syscall.Umask(0o022)
	if err := s.optional(LayerTime, newTime(), errNoTime); err != nil {
		return err
	}
	if err := failed(LayerUTS, "set the host name", syscall.Sethostname([]byte("cell"))); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return failed(LayerNet, "bring up the loopback", err)
	}
	limitReceive()
	return makeRoot()
}

// optional notes that the kernel does not offer a layer, which is what err none
// means; another error stands.
func (s *stage) optional(layer string, err, none error) error {
	if err != none {
		return failed(layer, "lay it", err)
	}
	s.found = append(s.found, Found{Layer: layer, Reason: none.Error()})
	return nil
}

// tunnel makes the cell's way out, if it has one, and takes its device off the
// files of the order.
func (s *stage) tunnel() error {
	if !s.order.Tunnel.Wanted() {
		return nil
	}
	at := 2
	if s.order.Op == OpProbe { // it has no output
		at = 0
	}
	if len(s.files) <= at {
		return errMessage
	}
	fd := s.files[at]
	s.files = append(s.files[:at:at], s.files[at+1:]...)
	err := s.makeTunnel(fd)
	if s.order.Op != OpProbe {
		return err
	}
	closeAll(s.out) // now, so that the end of this cell does not wait for it
	s.out = nil
	if err != nil {
		s.found = append(s.found, Found{Layer: LayerTunnel, Reason: err.Error()})
	}
	return nil
}

func (s *stage) makeTunnel(sent int) error {
	fd, err := openTunnel(sent)
	if err != nil {
		return err
	}
	s.out = append(s.out, fd)
	return s.order.Tunnel.configure(fd)
}

func (s *stage) receiveOrder() error {
	b, files, err := receive(controlFD, s.buf[:])
	if err != nil {
		return failed(LayerInit, "receive the assignment", err)
	}
	s.files = files
	s.order, err = ParseOrder(b)
	if err == nil && !s.order.Op.hasWork() {
		err = errMessage
	}
	return failed(LayerInit, "read the assignment", err)
}

// build lays out what the program will find.
func (s *stage) build() error {
	if err := s.tunnel(); err != nil {
		return failed(LayerTunnel, "make the network interface", err)
	}
	if err := s.attachBinds(newRoot); err != nil {
		return err
	}
	if err := mountTmp(s.order.Limits.Tmp); err != nil {
		return failed(LayerTmp, "mount /tmp", err)
	}
	if err := s.listen(); err != nil {
		return err
	}
	if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
		return failed(LayerCgroup, "leave the host's cgroup namespace", err)
	}
	return enterRoot()
}

// attachBinds shows the binds of the order below root.
func (s *stage) attachBinds(root string) error {
	trees := s.files[min(2, len(s.files)):]
	for i, b := range s.order.Binds {
		tree := -1
		if i < len(trees) {
			tree = trees[i]
		}
		if err := attachBind(root, b, tree); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) listen() error {
	for _, address := range s.order.Listen {
		fd, err := listen(address)
		if err != nil {
			return failed(LayerSpec, "listen on port "+strconv.Itoa(int(address.Port)), err)
		}
		s.out = append(s.out, fd)
	}
	return nil
}

// errNoKeyrings says that the kernel has none, so that there is nothing to keep
// apart.
var errNoKeyrings = errors.New("the kernel has no keyrings")

func newKeyring() error {
	_, _, e := syscall.RawSyscall(syscall.SYS_KEYCTL, keyctlJoinSession, 0, 0) // without a name
	switch e {
	case 0:
		return nil
	case syscall.ENOSYS:
		return errNoKeyrings
	}
	return e
}

// confine gives up, for this thread and all that comes from it, everything that
// the program must not have. The flags are installFilter's.
func (s *stage) confine(flags uintptr) error {
	if err := s.optional(LayerKeyring, newKeyring(), errNoKeyrings); err != nil {
		return err
	}
	if err := limitResources(); err != nil {
		return failed(LayerRlimits, "limit resources", err)
	}
	if err := dropCapabilities(); err != nil {
		return failed(LayerCaps, "drop capabilities", err)
	}
	if err := prctl(prNoNewPrivs, 1); err != nil {
		return failed(LayerNoNew, "forbid new privileges", err)
	}
	if err := s.optional(LayerLandlock, landlock(), errNoLandlock); err != nil {
		return err
	}
	// Until pid1 takes over, the program must not reach into this process,
	// which other threads share.
	if err := prctl(syscall.PR_SET_DUMPABLE, 0); err != nil {
		return failed(LayerInit, "hide this process", err)
	}
	if err := prctl(syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL)); err != nil {
		return failed(LayerInit, "tie the cell to the spawner", err)
	}
	return failed(LayerSeccomp, "install the filter", installFilter(s.order.Filter, flags))
}

// start executes the program as a process of its own, tells the spawner, and
// turns this process into pid1.
func (s *stage) start() error {
	null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return failed(LayerRoot, "open /dev/null", err)
	}
	o := s.order
	pid, err := syscall.ForkExec(o.Args[0], o.Args, &syscall.ProcAttr{
		Dir:   o.Dir,
		Env:   o.Env,
		Files: []uintptr{uintptr(null), uintptr(s.files[0]), uintptr(s.files[1])},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return failed(LayerExec, "execute "+o.Args[0], err)
	}
	started := Event{Kind: EventStarted}
	if err := send(controlFD, started.Marshal(), s.out...); err != nil {
		return failed(LayerInit, "report the start", err)
	}
	return becomePID1(pid, null)
}

// becomePID1 executes the first process's program, with nothing open but the
// socket.
func becomePID1(pid, null int) error {
	for fd := range 3 {
		if err := syscall.Dup3(null, fd, 0); err != nil {
			return err
		}
	}
	if err := fcntl(controlFD, syscall.F_SETFD, 0); err != nil {
		return err
	}
	argv := []*byte{cstring(strconv.Itoa(pid)), nil}
	envp := []*byte{nil}
	return execveat(pid1FD, argv, envp)
}
