package child

import (
	"syscall"
	"unsafe"
)

// System calls and constants that package syscall lacks. Not x/sys/unix, because
// of its name: packages are initialised in the order of their paths as far as
// their imports allow, so what imports golang.org/x/sys/unix comes after nearly
// everything on github.com, in every cell.

const (
	atFDCWD     = -100
	atEmptyPath = 0x1000
	atRecursive = 0x8000

	oPath = 0x200000

	closeRangeCloexec = 4

	mfdCloexec, mfdAllowSealing, mfdExec             = 1, 2, 0x10
	fAddSeals                                        = 1033
	fSealSeal, fSealShrink, fSealGrow, fSealWrite    = 1, 2, 4, 8
	prCapAmbient, prCapAmbientClearAll, prNoNewPrivs = 47, 4, 38
	keyctlJoinSession                                = 1

	mountAttrRdonly, mountAttrNosuid, mountAttrNodev, mountAttrNoexec = 1, 2, 4, 8

	openTreeClone                           = 1
	moveMountFEmptyPath, moveMountTEmpty    = 4, 0x40
	fsConfigCreate                          = 6
	resolveNoSymlinks, resolveBeneath       = 4, 8
	clockMonotonic, clockBoottime           = 1, 7
	rlimitSigpending, rlimitMsgqueue        = 11, 12
	rlimitMemlock, rlimitNice, rlimitRtprio = 8, 13, 14
)

// Numbers from 424 on are the same on all machines.
const (
	sysOpenTree            = 428
	sysMoveMount           = 429
	sysFsopen              = 430
	sysFsconfig            = 431
	sysFsmount             = 432
	sysCloseRange          = 436
	sysOpenat2             = 437
	sysMountSetattr        = 442
	sysLandlockCreate      = 444
	sysLandlockAddRule     = 445
	sysLandlockRestrict    = 446
	capabilityVersion3     = 0x20080522
	seccompSetModeFilter   = 1
	seccompFilterFlagTsync = 1
)

// result turns the third value of a raw system call into an error.
func result(e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

func cstring(s string) *byte {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return &b[0]
}

func prctl(option int, args ...uintptr) error {
	var a [4]uintptr
	copy(a[:], args)
	_, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, uintptr(option), a[0], a[1], a[2], a[3], 0)
	return result(e)
}

// closeRange closes every file from first on, or with the flag marks them to be
// closed on execution.
func closeRange(first int, flags uintptr) error {
	_, _, e := syscall.RawSyscall(sysCloseRange, uintptr(first), 0xffffffff, flags)
	return result(e)
}

func fcntl(fd int, command, arg uintptr) error {
	_, _, e := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), command, arg)
	return result(e)
}

func memfdCreate(name string, flags uintptr) (int, error) {
	p := cstring(name)
	fd, _, e := syscall.RawSyscall(sysMemfdCreate, uintptr(unsafe.Pointer(p)), flags, 0)
	return int(fd), result(e)
}

func clockGettime(clock int) (syscall.Timespec, error) {
	var ts syscall.Timespec
	_, _, e := syscall.RawSyscall(sysClockGettime, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0)
	return ts, result(e)
}

func prlimit(resource int, set, old *syscall.Rlimit) error {
	_, _, e := syscall.RawSyscall6(sysPrlimit64, 0, uintptr(resource), uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), 0, 0)
	return result(e)
}

func eventfd() (int, error) {
	fd, _, e := syscall.RawSyscall(sysEventfd2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	return int(fd), result(e)
}

// execveat replaces this process by the program open as fd.
func execveat(fd int, argv, envp []*byte) error {
	_, _, e := syscall.RawSyscall6(sysExecveat, uintptr(fd), uintptr(unsafe.Pointer(cstring(""))),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])), atEmptyPath, 0)
	return e
}

// openHow is the kernel's struct open_how.
type openHow struct{ flags, mode, resolve uint64 }

func openat2(at int, path string, how *openHow) (int, error) {
	p := cstring(path)
	fd, _, e := syscall.Syscall6(sysOpenat2, uintptr(at), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(how)), unsafe.Sizeof(*how), 0, 0)
	return int(fd), result(e)
}

// openTree is a copy of the mount at path, attached nowhere, with attr.
func openTree(path string, recursive uintptr, attr uint64) (int, error) {
	p := cstring(path)
	tree, _, e := syscall.Syscall(sysOpenTree, cwd, uintptr(unsafe.Pointer(p)), openTreeClone|syscall.O_CLOEXEC|recursive)
	if e != 0 {
		return -1, e
	}
	set := struct{ set, clear, propagation, userns uint64 }{set: attr}
	_, _, e = syscall.Syscall6(sysMountSetattr, tree, uintptr(unsafe.Pointer(cstring(""))), atEmptyPath|recursive,
		uintptr(unsafe.Pointer(&set)), unsafe.Sizeof(set), 0)
	if e != 0 {
		syscall.Close(int(tree))
		return -1, e
	}
	return int(tree), nil
}

// cwd stands for the current directory where a directory is asked for.
const cwd = ^uintptr(0) - 99

// moveMount attaches a tree at path, seen from the directory at, or at itself
// when path is empty.
func moveMount(tree int, at uintptr, path string) error {
	flags := uintptr(moveMountFEmptyPath)
	if path == "" {
		flags |= moveMountTEmpty
	}
	from, to := cstring(""), cstring(path)
	_, _, e := syscall.Syscall6(sysMoveMount, uintptr(tree), uintptr(unsafe.Pointer(from)), at, uintptr(unsafe.Pointer(to)), flags, 0)
	return result(e)
}

// mountNew is a new file system of the kind, attached nowhere, with attr.
func mountNew(kind string, attr uintptr) (int, error) {
	p := cstring(kind)
	fs, _, e := syscall.Syscall(sysFsopen, uintptr(unsafe.Pointer(p)), 1, 0)
	if e != 0 {
		return -1, e
	}
	defer syscall.Close(int(fs))
	if _, _, e := syscall.Syscall6(sysFsconfig, fs, fsConfigCreate, 0, 0, 0, 0); e != 0 {
		return -1, e
	}
	fd, _, e := syscall.Syscall(sysFsmount, fs, 1, attr)
	return int(fd), result(e)
}
