package cell

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloister/internal/cell/egress"
)

// bootSpec is a spec whose program can be booted ahead; its attempts come with the
// work, in a directory that is bound then.
func bootSpec(t testing.TB, args ...string) Spec {
	t.Helper()
	dir, err := os.MkdirTemp(probeDir, "work")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "attempts"), []byte(strings.Join(args, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	return Spec{
		ID:          "test",
		Root:        []Bind{{probeDir + "/probe", "/var/runtime/probe"}, {dir, "/var/task"}},
		Args:        append([]string{"/var/runtime/probe"}, args...),
		Dir:         "/var/task",
		MemoryBytes: 128 << 20,
		Boot:        &Boot{Args: []string{"/var/runtime/probe", "wait"}, Binds: 1, Places: []string{"/var/task"}},
	}
}

// bootHost is a host on which a program of the test's kind waits.
func bootHost(t testing.TB, like Spec) *Host {
	t.Helper()
	h, err := NewHost(HostOptions{Booted: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	like.Args, like.Stdout, like.Stderr = []string{"/var/runtime/probe", "uid"}, nil, nil
	c, err := h.Start(context.Background(), like)
	if err != nil {
		t.Fatal(err)
	}
	c.Exit()
	awaitBooted(t, h, like)
	return h
}

// awaitBooted waits until a program waits that spec could use.
func awaitBooted(t testing.TB, h *Host, spec Spec) *Cell {
	t.Helper()
	for range 2000 {
		h.pool.mu.Lock()
		b := h.pool.boots[spec.bootKey()]
		if b != nil && len(b.cells) > 0 {
			c := b.cells[0]
			h.pool.mu.Unlock()
			return c
		}
		h.pool.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("nothing was booted ahead")
	return nil
}

// bootOutput runs spec in the cell that waits, and returns what it wrote.
func bootOutput(t testing.TB, h *Host, spec Spec) string {
	t.Helper()
	waiting := awaitBooted(t, h, spec)
	var out bytes.Buffer
	spec.Stdout = &out
	c, err := h.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if c != waiting {
		t.Fatal("it did not run in the cell that waited")
	}
	if exit := c.Exit(); exit.Code != 0 {
		t.Logf("exit %+v", exit)
	}
	return out.String()
}

// TestContainmentOfWhatWasBootedAhead makes the same attempts as TestContainment,
// with the same outcomes, from a program that got its work later.
func TestContainmentOfWhatWasBootedAhead(t *testing.T) {
	h := bootHost(t, bootSpec(t))
	testContainment(t, func(args, env []string) string {
		spec := bootSpec(t, args...)
		spec.Env = env
		return bootOutput(t, h, spec)
	})
}

// What comes with the work is there, and only that.
func TestBootedAheadGetsItsWork(t *testing.T) {
	spec := bootSpec(t, "env", "files", "visible:/var/task", "write:/var/task/x", "write:/var/x", "write:/tmp/x", "status:CapEff", "status:CapBnd", "status:Seccomp", "status:NoNewPrivs")
	h := bootHost(t, spec)
	spec.Env = []string{"A=1"}
	want := "env A=1\nfiles 0,1,2\nvisible:/var/task attempts\nwrite:/var/task/x EROFS\nwrite:/var/x EROFS\nwrite:/tmp/x ok\n" +
		"status:CapEff 0000000000000000\nstatus:CapBnd 0000000000000000\nstatus:Seccomp 2\nstatus:NoNewPrivs 1\n"
	if out := bootOutput(t, h, spec); out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// The limits are the work's, above and below those of waiting.
func TestBootedAheadIsLimitedAsAsked(t *testing.T) {
	spec := bootSpec(t, "fill_tmp")
	h := bootHost(t, spec)
	spec.TmpBytes, spec.MemoryBytes = 4<<20, 1<<30
	if out := bootOutput(t, h, spec); out != "fill_tmp ENOSPC\n" {
		t.Errorf("fill: %q", out)
	}
	spec = bootSpec(t, "fork_bomb:1000")
	spec.Pids = 60
	if out := bootOutput(t, h, spec); out != "fork_bomb:1000 EAGAIN\n" {
		t.Errorf("fork bomb: %q", out)
	}
	spec = bootSpec(t, "memory_bomb")
	spec.MemoryBytes = 48 << 20
	waiting := awaitBooted(t, h, spec)
	c, err := h.Start(context.Background(), spec)
	if err != nil || c != waiting {
		t.Fatalf("%v, %v", c == waiting, err)
	}
	if exit := c.Exit(); !exit.OOMKilled || exit.PeakMemory > 49<<20 {
		t.Errorf("exit %+v", exit)
	}
}

// A cell gets work once, and what waited and ended gets none: it is done in a new
// cell.
func TestBootedAheadIsUsedOnce(t *testing.T) {
	spec := bootSpec(t, "uid")
	h := bootHost(t, spec)
	first := awaitBooted(t, h, spec)
	if out := bootOutput(t, h, spec); !strings.HasPrefix(out, "uid ") {
		t.Errorf("%q", out)
	}
	second := awaitBooted(t, h, spec)
	if first == second {
		t.Error("the cell waits again")
	}
	for _, stage := range firstProcesses(t) {
		for _, program := range children(stage) {
			endWaiting(program)
		}
	}
	var out bytes.Buffer
	spec.Stdout = &out
	c, err := h.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if c.Exit(); c == second || out.String() == "" {
		t.Errorf("the dead cell was used: %v, output %q", c == second, out.String())
	}
}

// endWaiting kills a program that waits, and returns when nothing but its status is
// left.
func endWaiting(pid int) {
	file := fmt.Sprintf("/proc/%d/cmdline", pid)
	if text, _ := os.ReadFile(file); !bytes.HasSuffix(text, []byte("\x00wait\x00")) {
		return
	}
	syscall.Kill(pid, syscall.SIGKILL)
	for text, _ := os.ReadFile(file); len(text) > 0; text, _ = os.ReadFile(file) {
		time.Sleep(time.Millisecond)
	}
}

// Files of another Boot, or another environment, are another's cell.
func TestBootedAheadForOthersIsNotUsed(t *testing.T) {
	spec := bootSpec(t, "uid")
	h := bootHost(t, spec)
	waiting := awaitBooted(t, h, spec)
	other := spec
	boot := *spec.Boot
	boot.Env = []string{"A=1"}
	other.Boot = &boot
	c, err := h.Start(context.Background(), other)
	if err != nil {
		t.Fatal(err)
	}
	if c.Exit(); c == waiting {
		t.Error("a cell was used that was booted with another environment")
	}
}

// What waits ends with the host, and when it is given up.
func TestWhatWaitsIsGivenUp(t *testing.T) {
	spec := bootSpec(t, "uid")
	h := bootHost(t, spec)
	c := awaitBooted(t, h, spec)
	h.pool.drop(spec.bootKey())
	select {
	case <-c.Done():
	case <-time.After(10 * time.Second):
		t.Error("it still waits")
	}
}

// A program that cannot be booted ahead is executed.
func TestWhatDoesNotBootIsExecuted(t *testing.T) {
	spec := bootSpec(t, "uid")
	spec.Boot.Args = []string{"/var/runtime/probe", "exit:1"}
	h, err := NewHost(HostOptions{Booted: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for range 3 {
		var out bytes.Buffer
		spec.Stdout = &out
		c, err := h.Start(context.Background(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if c.Exit(); !strings.HasPrefix(out.String(), "uid ") {
			t.Errorf("%q", out.String())
		}
		time.Sleep(2 * bootDelay)
	}
}

// The network and the listeners come with the work.
func TestBootedAheadHasTheNetworkOfItsWork(t *testing.T) {
	spec := bootSpec(t, "fetch:198.51.100.2:80", "dial:198.51.100.1:80")
	h := bootHost(t, spec)
	plain := probeSpec("fetch:198.51.100.2:80", "dial:198.51.100.1:80")
	plain.Network = &egress.Network{Egress: &echoWorld{}}
	spec.Network = &egress.Network{Egress: &echoWorld{}}
	want := output(t, plain)
	if out := bootOutput(t, h, spec); out != want || !strings.Contains(out, "ENETUNREACH") {
		t.Errorf("got %q, want %q", out, want)
	}
	if out := bootOutput(t, h, bootSpec(t, "dial:198.51.100.2:80")); out != "dial:198.51.100.2:80 ENETUNREACH\n" {
		t.Errorf("without a network: %q", out)
	}
}

// What waits ends with the spawner, and the next start finds another one.
func TestWhatWaitsEndsWithTheSpawner(t *testing.T) {
	spec := bootSpec(t, "uid")
	h := bootHost(t, spec)
	waiting := awaitBooted(t, h, spec)
	syscall.Kill(h.sp.pid, syscall.SIGKILL)
	if exit := waiting.Exit(); !exit.Killed {
		t.Errorf("exit %+v", exit)
	}
	c, err := h.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if c.Exit(); c == waiting {
		t.Error("it was used after its end")
	}
	if next := awaitBooted(t, h, spec); next == waiting {
		t.Error("nothing was booted again")
	}
}

// However often programs are booted, given work and given up, nothing of them stays.
func TestNothingIsLeftOfWhatWaited(t *testing.T) {
	spec := bootSpec(t, "uid")
	h := bootHost(t, spec)
	files := func() int { return entries("/proc/self/fd") + entries(fmt.Sprintf("/proc/%d/fd", h.sp.pid)) }
	awaitBooted(t, h, spec)
	before := files()
	for range 5 {
		bootOutput(t, h, spec)
		awaitBooted(t, h, spec)
	}
	for i := 0; files() != before; i++ {
		if i == 500 {
			t.Fatalf("%d open files, and %d before", files(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
