package child

// elfMachine is the machine's number in ELF.
const elfMachine = 62

// Numbers that differ between machines and that package syscall lacks.
const (
	sysPrlimit64    = 302
	sysEventfd2     = 290
	sysClockGettime = 228
	sysSeccomp      = 317
	sysMemfdCreate  = 319
	sysExecveat     = 322
	sysSetns        = 308
)
