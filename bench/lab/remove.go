package lab

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Remove removes a directory with all that is in it. A node that had to be
// killed leaves a file system mounted, which is unmounted first.
func Remove(dir string) error {
	mounts, _ := os.ReadFile("/proc/self/mounts") // without it there is nothing to unmount
	var failed error
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			failed = errors.Join(failed, unix.Unmount(fields[1], unix.MNT_DETACH))
		}
	}
	return errors.Join(failed, os.RemoveAll(dir))
}
