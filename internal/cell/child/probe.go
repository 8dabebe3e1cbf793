package child

import (
	"os"
	"strings"
	"syscall"
)

// namespaceFiles are the names under /proc/self/ns. The spawner's own go with an
// OpProbe as environment, to compare.
var namespaceFiles = []struct {
	layer, file string
	flag        uintptr
}{
	{LayerUser, "user", syscall.CLONE_NEWUSER},
	{LayerMount, "mnt", syscall.CLONE_NEWNS},
	{LayerPID, "pid", syscall.CLONE_NEWPID},
	{LayerNet, "net", syscall.CLONE_NEWNET},
	{LayerIPC, "ipc", syscall.CLONE_NEWIPC},
	{LayerUTS, "uts", syscall.CLONE_NEWUTS},
	{LayerCgroup, "cgroup", syscall.CLONE_NEWCGROUP},
	{LayerTime, "time_for_children", syscall.CLONE_NEWTIME},
}

// probe builds a cell that runs nothing and reports what is in force in it.
func (s *spawner) probe(id uint64, filter string) {
	o := Order{Op: OpProbe, ID: id, Filter: filter, Limits: Limits{Memory: 64 << 20, CPUMillis: 1000, Pids: 64, Tmp: 1 << 20}, Env: ownNamespaces(), Tunnel: Tunnel{IP4: "\xc0\x00\x00\x02", MTU: 1500}}
	c := s.add(id)
	s.make(c)
	ev := &Event{Kind: EventReport, ID: id}
	if c.err != nil {
		ev.Failure = failure(c.err)
		ev.Found = s.explain(ev.Failure)
		s.discard(c)
	} else {
		c.reading.Lock()
		told, out := s.start(c, &o, o.Marshal(), nil)
		c.reading.Unlock()
		closeAll(out)
		s.kill(id)
		ev.Failure, ev.Found = told.Failure, told.Found
		if ev.Failure != nil {
			ev.Found = s.explain(ev.Failure)
		}
	}
	s.tell(ev)
}

func ownNamespaces() []string {
	var list []string
	for _, n := range namespaceFiles {
		link, _ := os.Readlink("/proc/self/ns/" + n.file)
		list = append(list, n.file+"="+link)
	}
	return list
}

// explain finds, when a clone failed, which of the namespaces it was for.
func (s *spawner) explain(f *Failure) []Found {
	found := []Found{{f.Layer, f.Error()}}
	if f.Layer != LayerUser {
		return found
	}
	for _, n := range namespaceFiles {
		if n.flag&namespaces == 0 || n.flag == syscall.CLONE_NEWUSER {
			continue
		}
		if !exists("/proc/self/ns/" + n.file) {
			found = append(found, Found{n.layer, "the kernel is built without it"})
		}
	}
	return found
}

// report is the stage's last act in a probe. It is as confined as a program
// would be, and looks at itself.
func (s *stage) report() error {
	noted := map[string]bool{}
	for _, f := range s.found {
		noted[f.Layer] = true
	}
	for _, check := range []func() []Found{s.checkNamespaces, checkStatus, checkFiles} {
		for _, f := range check() {
			if !noted[f.Layer] {
				s.found = append(s.found, f)
			}
		}
	}
	ev := Event{Kind: EventStarted, Found: s.found}
	return send(controlFD, ev.Marshal())
}

func (s *stage) checkNamespaces() []Found {
	var found []Found
	for _, n := range namespaceFiles {
		link, err := os.Readlink("/proc/self/ns/" + n.file)
		for _, host := range s.order.Env {
			if err != nil || host == n.file+"="+link {
				found = append(found, Found{n.layer, "the cell is still in the host's"})
				break
			}
		}
	}
	return found
}

// checkStatus reads what the kernel says of this thread.
func checkStatus() []Found {
	text, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return []Found{{LayerProc, err.Error()}}
	}
	var found []Found
	for _, want := range []struct{ layer, key, value string }{
		{LayerCaps, "CapInh", "0000000000000000"},
		{LayerCaps, "CapPrm", "0000000000000000"},
		{LayerCaps, "CapEff", "0000000000000000"},
		{LayerCaps, "CapBnd", "0000000000000000"},
		{LayerCaps, "CapAmb", "0000000000000000"},
		{LayerNoNew, "NoNewPrivs", "1"},
		{LayerSeccomp, "Seccomp", "2"},
	} {
		if !strings.Contains(string(text), "\n"+want.key+":\t"+want.value+"\n") {
			found = append(found, Found{want.layer, want.key + " is not " + want.value})
		}
	}
	return found
}

// checkFiles tries to write where nothing may be written, and where it may.
func checkFiles() []Found {
	var found []Found
	if err := writeFile("/probe", ""); err == nil {
		found = append(found, Found{LayerRoot, "a file could be made in it"})
	}
	if err := writeFile("/tmp/probe", "x"); err != nil {
		found = append(found, Found{LayerTmp, "no file could be made in it: " + err.Error()})
	}
	if fd, err := syscall.Open("/proc/self/mem", syscall.O_RDWR|syscall.O_CLOEXEC, 0); err == nil {
		syscall.Close(fd)
		found = append(found, Found{LayerProc, "/proc/self/mem could be opened for writing"})
	}
	return found
}
