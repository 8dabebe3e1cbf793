package cell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"cloister/internal/cell/egress"
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
	if os.Getenv("CLOISTER_CELL_NETWORK") != "" {
		spec.Args = []string{"/var/task/probe", "uid", "fetch:198.51.100.2:80", "dial:198.51.100.1:80"}
		spec.Network = &egress.Network{Egress: &echoWorld{}}
	}
	spec.Stdout = &out
	c, err := h.Start(context.Background(), spec)
	var unavailable *UnavailableError
	var tunnel *TunnelError
	switch {
	case errors.As(err, &tunnel):
		fmt.Println(tunnel)
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
	runtime.LockOSThread() // for good: see rootlessNetwork
	for _, dir := range dirs {
		delegate(t, dir)
	}
	out := runAsNobody(t)
	want := "0\nuid 993\nstatus:CapEff 0000000000000000\nstatus:Seccomp 2\nwrite:/x EROFS\nstat:/root ENOENT\ncgroup /\nsetgroups EPERM\n"
	if out != want {
		t.Errorf("%s", out)
	}
	rootlessNetwork(t)
}

// rootlessNetwork runs the helper where the device of networks is everybody's, as
// on most systems, and where it is not. It gives the thread mounts of its own.
func rootlessNetwork(t *testing.T) {
	for mode, want := range map[uint32]string{
		0o666: "0\nuid 993\nfetch:198.51.100.2:80 hello\ndial:198.51.100.1:80 ENETUNREACH\n",
		0o600: "this machine can not give a cell a network: open /dev/net/tun: permission denied",
	} {
		if err := ownDevice(mode); err != nil {
			t.Fatal(err)
		}
		if out := runAsNobody(t, "CLOISTER_CELL_NETWORK=1"); !strings.HasPrefix(out, want) {
			t.Errorf("%o: %s", mode, out)
		}
	}
}

// ownDevice shows this thread and its children a device of networks with a mode.
func ownDevice(mode uint32) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNS | syscall.CLONE_FS); err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := syscall.Mount("tun", "/dev/net", "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	if err := syscall.Mknod("/dev/net/tun", syscall.S_IFCHR|mode, 10<<8|200); err != nil {
		return err
	}
	return syscall.Chmod("/dev/net/tun", mode)
}

// echoWorld says back what 198.51.100.2 is told, and denies the rest.
type echoWorld struct{}

func (echoWorld) Connect(_ context.Context, f egress.Flow) (net.Conn, error) {
	if f.Dest.Addr().String() != "198.51.100.2" {
		return nil, egress.ErrDenied
	}
	ours, theirs := net.Pipe()
	go func() {
		b := make([]byte, 64)
		n, _ := theirs.Read(b)
		theirs.Write(b[:n])
		theirs.Close()
	}()
	return ours, nil
}

func (echoWorld) Resolve(context.Context, egress.Question) (egress.Answer, error) {
	return egress.Answer{}, egress.ErrNoName
}

func needRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user; the other tests are rootless here already")
	}
}

func runAsNobody(t *testing.T, env ...string) string {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"CLOISTER_CELL_ROOTLESS=1", "CLOISTER_CELL_PROBE=" + probeDir}
	cmd.Env = append(cmd.Env, env...)
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
