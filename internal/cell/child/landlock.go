package child

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errNoLandlock says that the kernel has no Landlock, or has it switched off.
var errNoLandlock = errors.New("the kernel has no Landlock, or not in its list of security modules (lsm=)")

// Rights of Landlock by the ABI version that brought them.
const (
	llRead  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	llFirst = 1<<13 - 1 // all of version 1
	llRefer = unix.LANDLOCK_ACCESS_FS_REFER
	llTrunc = unix.LANDLOCK_ACCESS_FS_TRUNCATE
	llIoctl = unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

	// llMakeDevice is withheld even in /tmp.
	llMakeDevice = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK

	llScopes = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL // version 6
)

// landlockVersion is the ABI version of the running kernel, or 0.
func landlockVersion() int {
	n, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return 0
	}
	return int(n)
}

// handled is what a kernel of that version can be asked to control.
func handled(version int) (fs, scoped uint64) {
	fs = llFirst
	if version >= 2 {
		fs |= llRefer
	}
	if version >= 3 {
		fs |= llTrunc
	}
	if version >= 5 {
		fs |= llIoctl
	}
	if version >= 6 {
		scoped = llScopes
	}
	return fs, scoped
}

// landlock says a second time, by other means, what the mounts say: reading and
// executing everywhere, writing in /tmp and to devices only. It also keeps
// signals and abstract sockets within the cell.
func landlock() error {
	version := landlockVersion()
	if version < 1 {
		return errNoLandlock
	}
	fs, scoped := handled(version)
	attr := unix.LandlockRulesetAttr{Handled_access_fs: fs, Scoped: scoped}
	fd, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), landlockAttrSize(version), 0)
	if e != 0 {
		return e
	}
	defer unix.Close(int(fd))
	rules := []struct {
		path   string
		access uint64
	}{
		{"/", llRead},
		{"/tmp", fs &^ (llMakeDevice | llIoctl)},
		{"/dev", llRead&^unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | fs&llTrunc},
	}
	for _, r := range rules {
		if err := allowBeneath(int(fd), r.path, r.access&fs); err != nil {
			return err
		}
	}
	if _, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); e != 0 {
		return e
	}
	return nil
}

// landlockAttrSize is how much of the structure a kernel of that version knows:
// file access, network access from version 4, scopes from version 6.
func landlockAttrSize(version int) uintptr {
	switch {
	case version < 4:
		return 8
	case version < 6:
		return 16
	}
	return 24
}

func allowBeneath(ruleset int, path string, access uint64) error {
	dir, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(dir)}
	_, _, e := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}
