package cell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExit(t *testing.T) {
	for _, c := range []struct {
		attempt      string
		code, signal int
	}{
		{"exit:0", 0, 0},
		{"exit:7", 7, 0},
		{"exit:137", 137, 0}, // not taken for a signal
		{"raise:15", -1, 15}, // a first process would survive
		{"raise:6", -1, 6},
		{"raise:9", -1, 9},
		{"raise:11", -1, 11},
	} {
		exit := start(t, probeSpec(c.attempt)).Exit()
		if exit.Code != c.code || exit.Signal != c.signal || exit.OOMKilled || exit.Killed {
			t.Errorf("%s: %+v", c.attempt, exit)
		}
		if exit.PeakMemory <= 0 || exit.Lived <= 0 {
			t.Errorf("%s: peak %d, lived %v", c.attempt, exit.PeakMemory, exit.Lived)
		}
	}
}

func TestTheDeadAreCollected(t *testing.T) {
	if out := output(t, probeSpec("orphan")); out != "orphan collected\n" {
		t.Errorf("%q", out)
	}
}

func TestKillEndsEverything(t *testing.T) {
	c, pid := running(t, probeSpec("print:1", "fork_bomb:10", "sleep"), "fork_bomb")
	if live := c.PeakMemory(); live <= 0 {
		t.Errorf("peak memory while running: %d", live)
	}
	c.Kill()
	if exit := c.Exit(); !exit.Killed || exit.Signal != 9 {
		t.Errorf("exit %+v", exit)
	}
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("first process: %v", err)
	}
	c.Kill() // again does nothing
}

func TestTheCellEndsWithItsProgram(t *testing.T) {
	var out bytes.Buffer
	spec := probeSpec("fork_bomb:5", "exit:3") // children sleep for an hour, stdout open
	spec.Stdout = &out
	if exit := start(t, spec).Exit(); exit.Code != 3 {
		t.Errorf("exit %+v", exit)
	}
}

func TestListenersServeTheCell(t *testing.T) {
	spec := probeSpec("connect:127.0.0.1:9001", "connect:[::1]:80", "connect:127.0.0.1:9002")
	spec.Listen = []string{"127.0.0.1:9001", "[::1]:80"}
	var out bytes.Buffer
	spec.Stdout = &out
	c := start(t, spec)
	for i, want := range spec.Listen {
		l := c.Listener(i)
		if l.Addr().String() != want {
			t.Errorf("listener %d is %s", i, l.Addr())
		}
		go http.Serve(l, nil)
	}
	c.Exit()
	want := "connect:127.0.0.1:9001 ok\nconnect:[::1]:80 ok\nconnect:127.0.0.1:9002 ECONNREFUSED\n"
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
	if _, err := c.Listener(0).Accept(); err == nil {
		t.Error("a listener lives on after its cell")
	}
}

func TestOutputIsWholeAndNeverBlocksTheHost(t *testing.T) {
	var out bytes.Buffer
	spec := probeSpec("print:3000000")
	spec.Stdout = &out
	start(t, spec).Exit()
	if want := "print:3000000 " + strings.Repeat("x", 3000000) + "\n"; out.String() != want {
		t.Errorf("%d bytes of %d", out.Len(), len(want))
	}
	// A writer that never returns holds up its program only.
	stuck := make(chan struct{})
	spec.Stdout = writerFunc(func(b []byte) (int, error) { <-stuck; return len(b), nil })
	c := start(t, spec)
	if out := output(t, probeSpec("uid")); out != "uid 993\n" {
		t.Errorf("a cell beside it: %q", out)
	}
	c.Kill()
	close(stuck)
	c.Exit()
	// One that refuses does not end its program.
	spec.Stdout = writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe })
	if exit := start(t, spec).Exit(); exit.Code != 0 {
		t.Errorf("exit %+v", exit)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestErrorsOfStart(t *testing.T) {
	notExecutable := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notExecutable, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Spec)
		want   any
		errno  syscall.Errno
	}{
		"no such program":     {func(s *Spec) { s.Args[0] = "/var/task/none" }, new(*ExecError), syscall.ENOENT},
		"not executable":      {func(s *Spec) { s.Root[0].Source = notExecutable; s.Args[0] = "/var/task" }, new(*ExecError), syscall.EACCES},
		"a directory":         {func(s *Spec) { s.Args[0] = "/var/task" }, new(*ExecError), syscall.EACCES},
		"no such directory":   {func(s *Spec) { s.Dir = "/none" }, new(*ExecError), syscall.ENOENT},
		"no such source":      {func(s *Spec) { s.Root[0].Source = "/none" }, new(*SpecError), 0},
		"target inside bind":  {func(s *Spec) { s.Root = append(s.Root, Bind{"/usr", "/var/task/usr"}) }, new(*SpecError), 0},
		"same address twice":  {func(s *Spec) { s.Listen = []string{"127.0.0.1:1", "127.0.0.1:1"} }, new(*SpecError), 0},
		"address of the host": {func(s *Spec) { s.Listen = []string{"10.0.0.1:1"} }, new(*SpecError), 0},
	} {
		spec := probeSpec("uid")
		c.change(&spec)
		_, err := host.Start(context.Background(), spec)
		if !errors.As(err, c.want) || (c.errno != 0 && !errors.Is(err, c.errno)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := host.Start(ctx, probeSpec("sleep")); !errors.Is(err, context.Canceled) {
		// It may have been quicker than the cancelling was seen.
		if err != nil {
			t.Errorf("%v", err)
		}
	}
}

// TestNothingIsLeftBehind starts and ends a hundred cells, some in ways they
// should not, and compares what the machine holds before and after.
func TestNothingIsLeftBehind(t *testing.T) {
	h, err := NewHost(HostOptions{Ahead: 2})
	if err != nil {
		t.Fatal(err)
	}
	h.Probe()
	hundred(t, h, 4) // whatever is made once
	before := settled(h, nil)
	hundred(t, h, 100)
	after := settled(h, before)
	if !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
		out, _ := exec.Command("ls", "-l", fmt.Sprintf("/proc/%d/fd", h.sp.pid)).Output()
		t.Logf("%s", out)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	for _, dir := range groupsOf(h) {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there after Close", dir)
		}
	}
}

func hundred(t *testing.T, h *Host, n int) {
	for i := range n {
		spec := probeSpec([]string{"uid", "exit:1", "sleep", "raise:6"}[i%4])
		spec.Listen = []string{"127.0.0.1:9001"}
		spec.Stdout = io.Discard
		if i%10 == 9 {
			spec.Args[0] = "/none"
		}
		c, err := h.Start(context.Background(), spec)
		if err != nil {
			continue
		}
		if i%4 == 2 {
			c.Kill()
		}
		c.Exit()
	}
}

// settled counts open files, mounts, control groups and processes, of the test
// and of its spawner, once the cells made ahead are there and nothing else is.
// On a busy machine that takes a while: it waits for want, or without it for
// counts that stay.
func settled(h *Host, want []int) []int {
	var counts []int
	same := 0
	for range 500 {
		time.Sleep(20 * time.Millisecond)
		h.pool.mu.Lock()
		ahead := len(h.pool.cells)
		h.pool.mu.Unlock()
		now := count(h)
		if same++; !slices.Equal(now, counts) || ahead != h.opts.Ahead || now[3] != ahead {
			same = 0
		}
		if same > 0 && slices.Equal(now, want) || same > 10 && want == nil {
			return now
		}
		counts = now
	}
	return counts
}

func count(h *Host) []int {
	spawner := h.sp.pid
	counts := []int{entries("/proc/self/fd"), entries(fmt.Sprintf("/proc/%d/fd", spawner)), mounts(), len(children(spawner))}
	for _, dir := range groupsOf(h) {
		counts = append(counts, entries(dir))
	}
	return counts
}

func groupsOf(h *Host) []string {
	dirs, _ := filepath.Glob(fmt.Sprintf("/sys/fs/cgroup/*/cloister-*-%d-*", h.sp.pid))
	more, _ := filepath.Glob(fmt.Sprintf("/sys/fs/cgroup/*/*/*/cloister-*-%d-*", h.sp.pid))
	return append(dirs, more...)
}

func entries(dir string) int {
	list, _ := os.ReadDir(dir)
	return len(list)
}

// mounts counts what is mounted where a cell builds its root: elsewhere, others
// mount and unmount meanwhile.
func mounts() int {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	n := 0
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], "/proc") {
			n++
		}
	}
	return n
}

func TestCellsEndWithTheSpawner(t *testing.T) {
	h, err := NewHost(HostOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	c, err := h.Start(context.Background(), probeSpec("sleep"))
	if err != nil {
		t.Fatal(err)
	}
	first := children(h.sp.pid)
	for range 500 { // the probe's cell is still ending
		if len(first) == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
		first = children(h.sp.pid)
	}
	if len(first) != 1 {
		t.Fatalf("children of the spawner: %v", first)
	}
	syscall.Kill(h.sp.pid, syscall.SIGKILL)
	if exit := c.Exit(); !exit.Killed {
		t.Errorf("exit %+v", exit)
	}
	for range 500 {
		if syscall.Kill(first[0], 0) == syscall.ESRCH {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := syscall.Kill(first[0], 0); err != syscall.ESRCH {
		t.Errorf("the cell lives on: %v", err)
	}
	// The next start brings the spawner back, and removes what the old one left.
	stale := groupsOf(h)
	c, err = h.Start(context.Background(), probeSpec("uid"))
	if err != nil {
		t.Fatal(err)
	}
	if exit := c.Exit(); exit.Code != 0 {
		t.Errorf("exit %+v", exit)
	}
	for _, dir := range stale {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there", dir)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	const n = 40
	done := make(chan string, n)
	for range n {
		go func() {
			var out bytes.Buffer
			spec := probeSpec("uid")
			spec.Stdout = &out
			c, err := host.Start(context.Background(), spec)
			if err != nil {
				done <- err.Error()
				return
			}
			c.Exit()
			done <- out.String()
		}()
	}
	for range n {
		if out := <-done; out != "uid 993\n" {
			t.Error(out)
		}
	}
}

func TestProbeFindsEveryLayerHere(t *testing.T) {
	r := host.Probe()
	if len(r.Layers) != len(layers) {
		t.Errorf("%d layers", len(r.Layers))
	}
	for _, l := range r.Layers {
		if l.Required && !l.Present {
			t.Errorf("%s: %s", l.Name, l.Reason)
		}
		if l.Present != (l.Reason == "") || l.Gives == "" {
			t.Errorf("%+v", l)
		}
	}
}
