package seal

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The effect is for good, so it is tried in a process of its own.
func TestHardenProcess(t *testing.T) {
	if os.Getenv("SEAL_TEST_HARDEN") != "" {
		hardenAndReport()
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestHardenProcess$")
	cmd.Env = append(os.Environ(), "SEAL_TEST_HARDEN=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "hardened") {
		t.Errorf("%v: %s", err, out)
	}
}

func hardenAndReport() {
	var limit unix.Rlimit
	err := HardenProcess()
	dumpable, err2 := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	err3 := unix.Getrlimit(unix.RLIMIT_CORE, &limit)
	if err == nil && err2 == nil && err3 == nil && dumpable == 0 && limit == (unix.Rlimit{}) {
		os.Stdout.WriteString("hardened\n")
		os.Exit(0)
	}
	os.Exit(1)
}
