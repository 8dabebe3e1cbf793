package seal

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// HardenProcess keeps this process's memory, where the keys are, from reaching
// a core file or another process of the same user: RLIMIT_CORE is set to 0 and
// PR_SET_DUMPABLE to 0 (prctl(2); ptrace and /proc/PID/mem are then root's).
// Call it before the root key is read. Children inherit the limit only.
func HardenProcess() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core files: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the process not dumpable: %w", err)
	}
	return nil
}
