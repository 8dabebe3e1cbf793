package child

import (
	"syscall"
	"unsafe"
)

// installFilter puts this thread under a system call filter, and with
// seccompFilterFlagTsync in flags the whole process: what internal/cell/filter
// compiled, 8 bytes an instruction.
func installFilter(code string, flags uintptr) error {
	if len(code) == 0 || len(code)%8 != 0 {
		return syscall.EINVAL
	}
	instructions := make([]uint64, len(code)/8) // aligned as the kernel wants it
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&instructions[0])), len(code)), code)
	prog := struct {
		length uint16
		code   *uint64
	}{uint16(len(instructions)), &instructions[0]}
	id, _, e := syscall.RawSyscall(sysSeccomp, seccompSetModeFilter, flags, uintptr(unsafe.Pointer(&prog)))
	if e == 0 && id != 0 { // a thread that could not be brought under it
		e = syscall.ESRCH
	}
	return result(e)
}
