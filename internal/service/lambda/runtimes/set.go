package runtimes

// Bind is one read-only part of a cell's root: a file or directory of this
// machine and where the cell sees it.
type Bind struct{ Source, Target string }

// Runtime is one runtime that this machine can run.
type Runtime struct {
	Name string // "python3.11"
	// Root is everything the cell sees besides the function's own code, /tmp,
	// /dev and /proc.
	Root []Bind
	Args []string // what to run, by its path in the cell
	Env  []string // NAME=VALUE that the runtime needs, beside what AWS sets
}

// Registration is a runtime that an administrator added.
type Registration struct {
	Name string // "nodejs22.x"
	Dir  string // a directory that looks like a root, or an unpacked OCI layout's
}

// Options are what Detect looks at.
type Options struct {
	// SupportDir is a directory of the platform's own where the runtime loops
	// and the cells' /etc are written. It holds nothing secret.
	SupportDir string
	Registered []Registration
	ExtraCA    []byte // PEM, trusted in cells beside the system's roots
}

// Set is the runtimes of this machine. It is immutable.
type Set struct{ runtimes map[string]*Runtime }

// Detect looks at the machine and writes the support files.
func Detect(o Options) (*Set, error) { panic("skeleton") }

// Lookup finds a runtime by its AWS name.
func (s *Set) Lookup(name string) (*Runtime, bool) { r, ok := s.runtimes[name]; return r, ok }

// Names lists the runtimes, sorted, for the message that refuses another.
func (s *Set) Names() []string { panic("skeleton") }

// Status is one line of the doctor's report.
type Status struct {
	Name    string // "python3.11"
	Present bool
	Version string // "3.11.2"
	SDK     string // "boto3 1.26.27" or "@aws-sdk 3.700.0"; empty: not importable
	Missing string // what is missing and for what; empty: nothing
	Remedy  string // the command that adds it
}

// Report tells for each runtime what is there and what would add the rest.
func (s *Set) Report() []Status { panic("skeleton") }
