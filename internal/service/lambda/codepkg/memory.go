package codepkg

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// errNotMemory says why a directory is refused.
var errNotMemory = errors.New("it is on a disk, where unpacked code would lie unsealed")

// inMemory says whether a directory's file system is held in memory.
func inMemory(dir string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return false, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC, nil
}

// MountMemory makes dir a file system in memory of at most maxBytes that only
// its owner can enter, and that is not swapped out where the kernel can be
// told so. When dir is one already, a node that was killed left it: it is used
// again. unmount removes it with everything in it. Where mounting is not
// allowed the error says what would help.
func MountMemory(dir string, maxBytes int64) (unmount func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unmount = func() error { return unix.Unmount(dir, unix.MNT_DETACH) }
	if ok, err := inMemory(dir); err != nil {
		return nil, err
	} else if ok {
		return unmount, nil
	}
	options := fmt.Sprintf("mode=0700,size=%d,nr_inodes=1048576", maxBytes)
	err = unix.Mount("cloister-code", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options+",noswap")
	if errors.Is(err, unix.EINVAL) {
		err = unix.Mount("cloister-code", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options)
	}
	if err != nil {
		return nil, fmt.Errorf("mount a file system in memory on %s: %w; start the node as root, or mount a tmpfs there first", dir, err)
	}
	return unmount, nil
}
