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

// Vault is the binary of bench/vault, and the file that says why there is none.
func (t Tools) Vault() (binary, why string) {
	return filepath.Join(t.Dir, "vault"), filepath.Join(t.Dir, "vault.why")
}

// Greeter is the binary of the handler behind APIs.
func (t Tools) Greeter() string { return filepath.Join(t.Dir, "greeter") }

// Bootstrap is the measured function.
func (t Tools) Bootstrap() string { return filepath.Join(t.Dir, "bootstrap") }
