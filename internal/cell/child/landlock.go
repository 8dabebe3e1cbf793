package child

import (
	"errors"
	"syscall"
	"unsafe"
)

// errNoLandlock says that the kernel has no Landlock, or has it switched off.
var errNoLandlock = errors.New("the kernel has no Landlock, or not in its list of security modules (lsm=)")

// Rights of Landlock by the ABI version that brought them.
const (
	llExecute, llWriteFile, llReadFile, llReadDir = 1 << 0, 1 << 1, 1 << 2, 1 << 3

	llRead   = llExecute | llReadFile | llReadDir
	llFirst  = 1<<13 - 1 // all of version 1
	llRefer  = 1 << 13
	llTrunc  = 1 << 14
	llIoctl  = 1 << 15
	llScopes = 1<<0 | 1<<1 // abstract unix sockets and signals

	// llMakeDevice is withheld even in /tmp.
	llMakeDevice = 1<<6 | 1<<11
)

// landlockVersion is the ABI version of the running kernel, or 0.
func landlockVersion() int {
	n, _, e := syscall.RawSyscall(sysLandlockCreate, 0, 0, 1)
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
	attr := struct{ fs, net, scoped uint64 }{fs: fs, scoped: scoped}
	fd, _, e := syscall.RawSyscall(sysLandlockCreate, uintptr(unsafe.Pointer(&attr)), landlockAttrSize(version), 0)
	if e != 0 {
		return e
	}
	defer syscall.Close(int(fd))
	rules := []struct {
		path   string
		access uint64
	}{
		{"/", llRead},
		{"/tmp", fs &^ (llMakeDevice | llIoctl)},
		{"/dev", llRead&^llExecute | llWriteFile | fs&llTrunc},
	}
	for _, r := range rules {
		if err := allowBeneath(int(fd), r.path, r.access&fs); err != nil {
			return err
		}
	}
	_, _, e = syscall.RawSyscall(sysLandlockRestrict, fd, 0, 0)
	return result(e)
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
	dir, err := syscall.Open(path, oPath|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(dir)
	rule := struct {
		access uint64
		dir    int32
	}{access, int32(dir)}
	_, _, e := syscall.RawSyscall6(sysLandlockAddRule, uintptr(ruleset), 1, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	return result(e)
}
