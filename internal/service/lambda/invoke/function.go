package invoke

import (
	"net/netip"
	"time"
)

// Latest is the version name of a function's unpublished code.
const Latest = "$LATEST"

// Unreserved is the value of Function.Reserved for a function that shares its
// account's concurrency with the others.
const Unreserved = -1

// Function is the immutable snapshot of one version of a function in one
// configuration. Cells are bound to it by ARN, Version and Revision: whenever
// anything below changes, Revision must change. It is shared and never written
// after it was first passed to Invoke.
type Function struct {
	ARN      string // of the function, without a qualifier
	Account  string
	Region   string
	Name     string
	Version  string // Latest or a number
	Revision string // of code and configuration together

	Runtime  string // a name that runtimes.Set knows
	Handler  string
	MemoryMB int
	TmpMB    int           // of /tmp; 0: 512
	Timeout  time.Duration // of one invocation, 1 s to 15 min

	Env     map[string]string // the function's own variables; reserved names are refused where they are set
	OpenEnv bool              // Env is not all of it, or not as it is: Options.Environment gives it
	RoleARN string
	// SealedCode: Options.SealedCode opens the package, not Options.OpenCode.
	SealedCode bool
	CodeID     string   // names the package to Options.OpenCode; a content hash
	LayerIDs   []string // merged under /opt, later ones over earlier ones

	// Reserved is the reserved concurrency, 0 to refuse every call, or
	// Unreserved. It may differ between snapshots of one Revision: the one
	// passed with the call counts.
	Reserved int

	LogGroup  string // empty: /aws/lambda/NAME
	LogFormat string // empty or "Text", or "JSON"

	Network *Network // nil: none
}

// Network is what a function reaches beside the platform.
type Network struct {
	Internet bool // the public internet, without a VPC
	// Interfaces are those of a VPC, one in each subnet, and Groups their security
	// groups.
	Interfaces []Interface
	Groups     []string
}

// Interface is a network interface of a function.
type Interface struct {
	ID, Subnet string
	Address    netip.Addr
}

func (f *Function) logGroup() string {
	if f.LogGroup != "" {
		return f.LogGroup
	}
	return "/aws/lambda/" + f.Name
}

// poolKey is what cells are bound to.
func (f *Function) poolKey() string {
	key := f.ARN + "\x00" + f.Version + "\x00" + f.Revision
	if f.Network != nil && f.Network.Internet { // which a tag gives and takes, without a new revision
		key += "\x00internet"
	}
	return key
}

// cpuMillis is the share of processors, in thousandths, that comes with the
// memory: one whole processor at 1,769 MB, as on AWS.
func (f *Function) cpuMillis() int {
	return max(f.MemoryMB*1000/1769, 70)
}

// processors is how many processors, of so many that the machine has, the
// function's share comes to, rounded up. A Go program that is told keeps one
// request's work on as many threads; otherwise, at one request at a time, its
// threads wake each other for nothing, which took a third of all time.
func (f *Function) processors(machine int) int {
	return min((f.cpuMillis()+999)/1000, machine)
}
