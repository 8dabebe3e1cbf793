package child

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// empty is the path that stands for the file descriptor itself.
var empty = cstring("")

func cstring(s string) *byte {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return &b[0]
}

func decimal(n int) string { return strconv.Itoa(n) }

// execveat replaces this process by the program open as fd.
func execveat(fd int, argv, envp []*byte) error {
	_, _, e := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(empty)),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])), unix.AT_EMPTY_PATH, 0)
	return e
}
