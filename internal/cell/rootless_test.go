package cell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// nobody runs the rootless helper: this test binary again, as another user.
const nobody = 65534

// rootlessHelper is what the helper does instead of the tests: it starts one
// cell and prints what came of it.
func rootlessHelper() int {
	probeDir = os.Getenv("CLOISTER_CELL_PROBE")
	h, err := NewHost(HostOptions{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer h.Close()
	for _, l := range h.Probe().Missing() {
		if !l.Untried {
			fmt.Println("missing:", l.Name)
		}
	}
	var out bytes.Buffer
	spec := probeSpec("uid", "status:CapEff", "status:Seccomp", "write:/x", "stat:/root", "cgroup", "setgroups")
	spec.Stdout = &out
	c, err := h.Start(context.Background(), spec)
	var unavailable *UnavailableError
	switch {
	case errors.As(err, &unavailable):
		fmt.Println("unavailable:", len(unavailable.Missing) > 0)
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(c.Exit().Code)
		fmt.Print(out.String())
	}
	return 0
}

func TestRootlessWithoutDelegationIsRefused(t *testing.T) {
	needRoot(t)
	out := runAsNobody(t)
	if out != "missing: memory limit\nunavailable: true\n" {
		t.Errorf("%s", out)
	}
}

// TestRootlessWithDelegation gives the helper control groups of its own, as a
// service manager would.
func TestRootlessWithDelegation(t *testing.T) {
	needRoot(t)
	dirs := ownGroups1(t)
	if len(dirs) != 3 {
		t.Skip("this machine has no control groups of version 1 to delegate; version 2 is tested by hand (see README.md)")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, dir := range dirs {
		delegate(t, dir)
	}
	out := runAsNobody(t)
	want := "0\nuid 993\nstatus:CapEff 0000000000000000\nstatus:Seccomp 2\nwrite:/x EROFS\nstat:/root ENOENT\ncgroup /\nsetgroups EPERM\n"
	if out != want {
		t.Errorf("%s", out)
	}
}

func needRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user; the other tests are rootless here already")
	}
}

func runAsNobody(t *testing.T) string {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"CLOISTER_CELL_ROOTLESS=1", "CLOISTER_CELL_PROBE=" + probeDir}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// ownGroups1 lists this process's groups in the trees of version 1.
func ownGroups1(t *testing.T) []string {
	var dirs []string
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(text)) {
		f := strings.SplitN(line, ":", 3)
		if len(f) == 3 && (f[1] == "memory" || f[1] == "cpu" || f[1] == "pids") {
			dirs = append(dirs, strings.TrimSuffix("/sys/fs/cgroup/"+f[1]+f[2], "/"))
		}
	}
	return dirs
}

// delegate makes a group below dir that nobody owns, and moves this thread there
// for the test.
func delegate(t *testing.T, dir string) {
	own := dir + "/cell-test-delegated"
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	move := func(to string) {
		if err := os.WriteFile(to+"/tasks", []byte("0"), 0); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() {
		move(dir)
		if err := os.Remove(own); err != nil {
			t.Error(err)
		}
	})
	for _, path := range []string{own, own + "/tasks", own + "/cgroup.procs"} {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	move(own)
}
