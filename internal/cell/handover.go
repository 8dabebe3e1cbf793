package cell

import (
	"os"
	"strconv"
	"syscall"
)

// handOver gives a descriptor of f that the program may hold, or -1 for a file
// that it must not: all but the writing end of a pipe. The program's is opened
// anew, so that its flags are its own: it blocks, whatever f does, and making
// it non-blocking changes nothing for f or for other cells.
func handOver(f *os.File) int {
	fd := -1
	raw, err := f.SyscallConn()
	if err != nil {
		return -1
	}
	err = raw.Control(func(of uintptr) {
		if isPipeEnd(int(of)) {
			fd, err = syscall.Open("/proc/self/fd/"+strconv.Itoa(int(of)), syscall.O_WRONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		}
	})
	if fd < 0 {
		return -1
	}
	if err != nil || !isPipeEnd(fd) || syscall.SetNonblock(fd, false) != nil {
		syscall.Close(fd)
		return -1
	}
	return fd
}

// isPipeEnd says whether fd is the writing end of a pipe and only that: one
// opened for both ways, as a named pipe can be, would let the program read.
func isPipeEnd(fd int) bool {
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return false
	}
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	return errno == 0 && flags&syscall.O_ACCMODE == syscall.O_WRONLY
}
