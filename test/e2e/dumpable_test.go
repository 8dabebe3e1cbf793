package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMemoryStaysInside: the running binary leaves no core file, and what is its
// memory is not for other processes of its user: /proc/PID of a process that is
// not dumpable is root's (proc(5)). As root it is tried as somebody else, because
// there is no telling otherwise.
func TestMemoryStaysInside(t *testing.T) {
	work, err := os.MkdirTemp("", "cloister-dump-") // t.TempDir is below folders that are its user's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(work) })
	copied := filepath.Join(work, "cloister")
	content, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(copied, content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, "up", "--plaintext", "--data", filepath.Join(work, "data"), "--listen", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Dir, cmd.Env = work, []string{"HOME=" + work}
	user := uint32(os.Getuid())
	if user == 0 {
		user = 65534
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: user, Gid: 65534}
	}
	if err := os.Chown(work, int(user), -1); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); !strings.HasPrefix(line, "ready ") {
		t.Fatalf("%q, %v", line, err)
	}
	proc := fmt.Sprintf("/proc/%d/", cmd.Process.Pid)
	for _, name := range []string{"mem", "environ", "maps"} {
		st, err := os.Stat(proc + name)
		if err != nil {
			t.Fatal(err)
		}
		if owner := st.Sys().(*syscall.Stat_t).Uid; owner != 0 {
			t.Errorf("%s is for the user %d to read", name, owner)
		}
	}
	limits, err := os.ReadFile(proc + "limits")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok && strings.Join(strings.Fields(rest), " ") != "0 0 bytes" {
			t.Errorf("core files: %s", rest)
		}
	}
}
