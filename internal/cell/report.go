package cell

// Layer is one defence and what this machine says to it.
type Layer struct {
	Name     string // stable, lower case, for example "user namespace"
	Gives    string // what it keeps from whom, in one sentence
	Required bool   // without it nothing is started
	Present  bool
	Untried  bool   // not present only because another was missing before it
	Reason   string // why it is not present, and what to do; "" when it is
}

// Report lists every layer, required ones first.
type Report struct {
	Layers []Layer
	Root   bool // cells get user ids of their own; otherwise all share the node's
}

// Missing lists the required layers that are not present.
func (r Report) Missing() []Layer {
	var missing []Layer
	for _, l := range r.Layers {
		if l.Required && !l.Present {
			missing = append(missing, l)
		}
	}
	return missing
}

// UnavailableError says that this machine cannot contain a program, and which
// kernel features are missing.
type UnavailableError struct{ Missing []Layer }

func (e *UnavailableError) Error() string {
	text := "this machine can not contain a program"
	for _, l := range e.Missing {
		if !l.Untried {
			text += "; missing: " + l.Name + " (" + l.Reason + ")"
		}
	}
	return text
}

// SpecError says which field of a Spec is not acceptable and why.
type SpecError struct{ Field, Reason string }

func (e *SpecError) Error() string { return "cell spec: " + e.Field + ": " + e.Reason }

// ExecError says that the cell was made but its program could not be executed:
// Err is a syscall.Errno such as ENOENT, EACCES or ENOEXEC.
type ExecError struct {
	Path string
	Err  error
}

func (e *ExecError) Error() string { return "execute " + e.Path + " in the cell: " + e.Err.Error() }

func (e *ExecError) Unwrap() error { return e.Err }

// TunnelError says that this machine cannot give a cell a network. Cells without
// one work.
type TunnelError struct{ Reason string }

func (e *TunnelError) Error() string {
	return "this machine can not give a cell a network: " + e.Reason + tunnelAdvice
}

const tunnelAdvice = "; the node needs the device /dev/net/tun: load the module tun, in a container add the device, without root make it readable and writable by everybody"
