package cell

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The one host of most tests, and the directory that holds the compiled probe.
var (
	host     *Host
	probeDir string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("CLOISTER_CELL_ROOTLESS") != "" {
		return rootlessHelper()
	}
	dir, err := os.MkdirTemp("", "cell-test")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Chmod(dir, 0o755)
	probeDir = dir
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "probe"), "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("build the probe: %v\n%s", err, out)
		return 1
	}
	if host, err = NewHost(HostOptions{}); err != nil {
		fmt.Println(err)
		return 1
	}
	code := m.Run()
	if err := host.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return code
}

// probeSpec runs the probe in a cell of its own.
func probeSpec(args ...string) Spec {
	return Spec{
		ID:          "test",
		Root:        []Bind{{probeDir, "/var/task"}},
		Args:        append([]string{"/var/task/probe"}, args...),
		MemoryBytes: 128 << 20,
	}
}

// start starts spec and ends the cell with the test. A machine that can not
// contain anything fails the test: what it is about can not be shown there.
func start(t testing.TB, spec Spec) *Cell {
	t.Helper()
	c, err := host.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Kill(); <-c.Done() })
	return c
}

// output runs spec to its end and returns what it wrote to stdout.
func output(t testing.TB, spec Spec) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	spec.Stdout, spec.Stderr = &stdout, &stderr
	exit := start(t, spec).Exit()
	if stderr.Len() > 0 {
		t.Logf("exit %+v, stderr: %s", exit, stderr.String())
	}
	return stdout.String()
}

// waiter is a writer in whose text one can wait for something.
type waiter struct {
	mu   sync.Mutex
	text strings.Builder
	want string
	seen chan struct{}
}

func newWaiter(want string) *waiter { return &waiter{want: want, seen: make(chan struct{})} }

func (w *waiter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(b)
	if w.want != "" && strings.Contains(w.text.String(), w.want) {
		w.want = ""
		close(w.seen)
	}
	return len(b), nil
}

// running starts spec, waits until it has written want, and returns the cell and
// the host's process id of its first process.
func running(t testing.TB, spec Spec, want string) (*Cell, int) {
	t.Helper()
	w := newWaiter(want)
	spec.Stdout = w
	c := start(t, spec)
	select {
	case <-w.seen:
	case <-c.Done():
		t.Fatalf("ended before it wrote %q: %+v %s", want, c.Exit(), w.text.String())
	}
	return c, firstProcesses(t)[0]
}

// firstProcesses lists, newest last, the first processes of cells: children of
// the spawner.
func firstProcesses(t testing.TB) []int {
	t.Helper()
	var pids []int
	for _, spawner := range children(os.Getpid()) {
		if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", spawner)); strings.HasPrefix(string(name), "cloister-cell-spawner") {
			pids = append(pids, children(spawner)...)
		}
	}
	return pids
}

func children(pid int) []int {
	var pids []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(text)) {
			var child int
			fmt.Sscan(field, &child)
			pids = append(pids, child)
		}
	}
	return pids
}
