package runtimes

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"cloister/internal/cell"
)

// Runtime is one runtime that this machine can run. It is immutable.
type Runtime struct {
	Name    string // "python3.11"
	Version string // of the interpreter, as far as it is known; empty for a provided runtime
	// Root is everything the cell sees besides the function's own code and
	// layers, /tmp, /dev and /proc. /var/task is there to be bound over.
	Root []cell.Bind
	Args []string // what to run, by its path in the cell; empty: the package's bootstrap
	// Wait is what to run to have the runtime wait for its work, as a cell.Boot
	// does; empty: it cannot. WaitSDK does that with the AWS SDK loaded.
	Wait, WaitSDK []string
	Env           []string // NAME=VALUE that the runtime needs, beside what AWS sets
}

// Registration is a runtime, or a part of one, that an administrator added:
// `cloister runtimes add NAME DIR`.
type Registration struct {
	Name string // "nodejs22.x"
	// Dir is what it is made of: a root file system with the interpreter (an
	// unpacked OCI image), or only an SDK (a directory with node_modules, or
	// one that pip filled with --target) for a runtime that the machine has.
	// It may be anybody's image: no link in it leads out.
	Dir string
}

// Options are what Detect looks at.
type Options struct {
	// SupportDir is a directory of the platform's own where the runtime loops
	// and the roots of cells are laid; it is emptied. It holds nothing secret.
	// Links instead of copies are made where it shares a file system with /usr.
	SupportDir string
	Registered []Registration
	ExtraCA    []byte // PEM, trusted in cells beside the system's roots
}

// Set is the runtimes of this machine. Its methods may be called from many
// goroutines.
type Set struct {
	found map[string]*candidate
	bad   []Status // registrations that cannot be used
}

// candidate is a runtime that was found and whose root is laid when it is
// first asked for.
type candidate struct {
	name    string
	version string
	sdk     string // what its functions can import: "boto3 1.26.27"
	build   func() (*Runtime, error)
	remedy  string // what adds the SDK, if it is missing

	mu      sync.Mutex
	runtime *Runtime
}

// get lays the root, once. After a failure the next call tries again: a disk
// that was full may have room.
func (c *candidate) get() (*Runtime, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runtime == nil {
		r, err := c.build()
		if err != nil {
			return nil, fmt.Errorf("the root of %s cannot be laid: %w", c.name, err)
		}
		r.Name, r.Version = c.name, c.version
		r.setWait(c.sdk)
		c.runtime = r
	}
	return c.runtime, nil
}

// setWait says how the project's own loops wait.
func (r *Runtime) setWait(sdk string) {
	if len(r.Args) == 0 {
		return
	}
	r.Wait = slices.Concat(r.Args, []string{"wait"})
	if strings.HasPrefix(r.Name, "python") && sdk != "" {
		r.WaitSDK = slices.Concat(r.Wait, []string{"boto3"})
	}
}

// Detect looks at the machine. It executes nothing and takes a few
// milliseconds; the root of a runtime is laid when it is first asked for.
func Detect(o Options) (*Set, error) {
	dir, err := filepath.Abs(o.SupportDir)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	o.SupportDir = dir
	s := &Set{found: map[string]*candidate{}}
	for _, find := range []func(*Set, Options){findProvided, findPython, findNode, findRegistered} {
		find(s, o)
	}
	return s, nil
}

func (s *Set) add(c *candidate) { s.found[c.name] = c }

// Lookup is Get for those who only want to know whether.
func (s *Set) Lookup(name string) (*Runtime, bool) {
	r, err := s.Get(name)
	return r, err == nil
}

// Get finds a runtime by its AWS name. The first time it lays the root, which
// takes some ten milliseconds: ask when a function is created, not when it is
// called. The error is a *NotFoundError, or says why the root cannot be laid.
func (s *Set) Get(name string) (*Runtime, error) {
	c := s.found[name]
	if c == nil {
		return nil, &NotFoundError{Name: name, Have: s.Names()}
	}
	return c.get()
}

// NotFoundError says that this machine does not have a runtime, or no longer.
type NotFoundError struct {
	Name string
	Have []string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("this machine has no runtime %s, but %s: see cloister doctor", e.Name, strings.Join(e.Have, ", "))
}

// Has says whether the machine has a runtime, without laying its root.
func (s *Set) Has(name string) bool { return s.found[name] != nil }

// Names lists the runtimes, sorted, for the message that refuses another.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.found)) }

// Status is one line of the doctor's report.
type Status struct {
	Name    string // "python3.11"
	Present bool
	Version string // "3.11.2"
	SDK     string // "boto3 1.26.27" or "@aws-sdk 3.700.0"; empty: not importable
	Missing string // what is missing and for what; empty: nothing
	Remedy  string // the command that adds it
}

// Report tells for each runtime what is there and what would add the rest,
// families that the machine lacks included.
func (s *Set) Report() []Status {
	var out []Status
	for _, name := range s.Names() {
		out = append(out, s.found[name].status())
	}
	for _, f := range families {
		if !slices.ContainsFunc(s.Names(), f.is) {
			out = append(out, Status{Name: f.pattern, Missing: f.missing, Remedy: f.remedy})
		}
	}
	return append(out, s.bad...)
}

func (c *candidate) status() Status {
	st := Status{Name: c.name, Present: true, Version: c.version, SDK: c.sdk}
	if _, err := c.get(); err != nil {
		st.Present, st.Missing = false, err.Error()
		return st
	}
	if c.sdk == "" && c.remedy != "" {
		st.Missing, st.Remedy = "the AWS SDK, which functions expect to import", c.remedy
	}
	return st
}
