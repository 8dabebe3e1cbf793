package child

// elfMachine and auditArch are the machine's numbers in ELF and in seccomp.
const (
	elfMachine = 183
	auditArch  = 0xc00000b7
)
