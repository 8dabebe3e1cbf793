package child

// elfMachine and auditArch are the machine's numbers in ELF and in seccomp.
const (
	elfMachine = 62
	auditArch  = 0xc000003e
)
