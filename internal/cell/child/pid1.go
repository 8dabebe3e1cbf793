package child

import "syscall"

// A cell's first process is a program of some forty instructions, pid1 in
// pid1_*.s: it collects the dead, tells the spawner how the function ended and
// ends the cell with it.
//
// The function itself is not the first process, because the kernel protects
// that one from signals: kill(getpid(), SIGTERM) and abort() would do nothing,
// and what its children leave behind would fill the process limit. The stage is
// not it either, since a Go runtime that only waits costs a megabyte for each
// cell. This costs some 80 KiB, all of it the kernel's.
//
// It runs under the function's own limits, without capabilities and under the
// same system call filter, and is not dumpable, so that the function can not
// look into it.

// pid1Address is where the program lies in memory, pid1Size how much of the
// code is copied: the routine is shorter.
const (
	pid1Address = 0x400000
	pid1Size    = 256
)

// pid1Code is the address of the routine's machine code.
func pid1Code() *[pid1Size]byte

// pid1ELF is the routine as a program: an ELF file with one segment of code and
// a mark that its stack holds none.
func pid1ELF(machine uint16) []byte {
	const ehsize, phsize = 64, 56
	const start = ehsize + 2*phsize
	var e elf
	e.raw(0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	e.u16(2, machine) // executable
	e.u32(1)
	e.u64(pid1Address+start, ehsize, 0) // entry, program headers, sections
	e.u32(0)
	e.u16(ehsize, phsize, 2, 0, 0, 0)
	e.u32(1, 5) // load: read, execute
	e.u64(0, pid1Address, pid1Address, start+pid1Size, start+pid1Size, 0x1000)
	e.u32(0x6474e551, 6) // stack: read, write
	e.u64(0, 0, 0, 0, 0, 16)
	return append(e.b, pid1Code()[:]...)
}

// elf appends little-endian numbers.
type elf struct{ b []byte }

func (e *elf) raw(b ...byte) { e.b = append(e.b, b...) }

func (e *elf) u16(list ...uint16) {
	for _, v := range list {
		e.raw(byte(v), byte(v>>8))
	}
}

func (e *elf) u32(list ...uint32) {
	for _, v := range list {
		e.u16(uint16(v), uint16(v>>16))
	}
}

func (e *elf) u64(list ...uint64) {
	for _, v := range list {
		e.u32(uint32(v), uint32(v>>32))
	}
}

// pid1File makes the program an open file that nobody can change.
func pid1File() (int, error) {
	fd, err := memfdCreate("cell-init", mfdCloexec|mfdAllowSealing|mfdExec)
	if err == syscall.EINVAL { // kernels before 6.3 do not know MFD_EXEC, and mean it
		fd, err = memfdCreate("cell-init", mfdCloexec|mfdAllowSealing)
	}
	if err != nil {
		return -1, err
	}
	if _, err = syscall.Write(fd, pid1ELF(elfMachine)); err == nil {
		// What executes a program that it may not read is not dumpable from its first
		// instruction on; to say so itself would be an instruction late.
		err = syscall.Fchmod(fd, 0o111)
	}
	if err == nil {
		err = fcntl(fd, fAddSeals, fSealSeal|fSealShrink|fSealGrow|fSealWrite)
	}
	if err != nil {
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}
