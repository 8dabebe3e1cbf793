package lab

import "path/filepath"

// Tools are the binaries that scripts/bench built.
type Tools struct {
	Root     string // of the source tree
	Dir      string // where the benchmark's own binaries lie
	Cloister string
}

// Floor is the bare server's binary.
func (t Tools) Floor() string { return filepath.Join(t.Dir, "floor") }

// Bootstrap is the function's binary.
func (t Tools) Bootstrap() string { return filepath.Join(t.Dir, "bootstrap") }
