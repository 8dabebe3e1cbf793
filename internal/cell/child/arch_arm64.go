package child

// elfMachine is the machine's number in ELF.
const elfMachine = 183

// Numbers that differ between machines and that package syscall lacks.
const (
	sysPrlimit64    = 261
	sysEventfd2     = 19
	sysClockGettime = 113
	sysSeccomp      = 277
	sysMemfdCreate  = 279
	sysExecveat     = 281
	sysSetns        = 268
)
