package codepkg

import (
	"errors"
	"fmt"
	"math"
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

// capacity is how many bytes a file system in memory holds, if every perEntry
// of them may be a file. A disk's is not asked for: no cache is on one but a
// test's.
func capacity(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	room := int64(math.MaxInt64)
	if st.Type == unix.TMPFS_MAGIC {
		for _, limit := range []uint64{st.Blocks * uint64(st.Bsize), st.Files * perEntry} {
			if limit > 0 && limit < uint64(room) { // 0: no limit
				room = int64(limit)
			}
		}
	}
	return room, nil
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
	options := fmt.Sprintf("mode=0700,size=%d,nr_inodes=%d", maxBytes, maxBytes/perEntry+1) // and its own
	err = unix.Mount("cloister-code", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options+",noswap")
	if errors.Is(err, unix.EINVAL) {
		err = unix.Mount("cloister-code", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options)
	}
	if err != nil {
		return nil, fmt.Errorf("mount a file system in memory on %s: %w; start the node as root, or mount a tmpfs there first", dir, err)
	}
	return unmount, nil
}
