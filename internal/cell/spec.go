package cell

import (
	"fmt"
	"io"
	"net/netip"
	"path"
	"strings"
	"sync"

	"cloister/internal/cell/child"
	"cloister/internal/cell/egress"
	"cloister/internal/cell/filter"
)

// Bind shows a file or a directory of the host inside a cell: read-only,
// without set-user-id and without devices.
type Bind struct {
	// Source is an absolute, clean path on the host. It must exist, symbolic
	// links are followed, and what lies in it must be readable by everybody
	// (mode o+r, o+x on directories): the cell runs under a user id of its own.
	Source string
	// Target is an absolute, clean path in the cell, never "/" itself nor
	// anything at or under /dev, /proc, /sys or /tmp. Missing parents are made,
	// unless they would lie in an earlier Bind.
	Target string
}

// Spec says what is to run in a cell and how much it may use. Nothing in it is
// taken over unchecked: see [Spec.Validate].
type Spec struct {
	ID   string   // names the cell in errors; letters, digits, '-', '_', at most 128
	Root []Bind   // the root file system, in order; at most 128
	Args []string // Args[0] is the path of the program in the cell
	Env  []string // the whole environment, "NAME=value"
	Dir  string   // working directory in the cell; "" means "/"

	MemoryBytes int64 // hard limit, files in /tmp included; at least 16 MiB
	CPUMillis   int   // weight against other cells, in thousandths of a processor; 0 means 1000
	Pids        int   // processes and threads; 0 means 1024, at least 16
	TmpBytes    int64 // size of /tmp; 0 means 64 MiB. It lives in memory and counts there

	// Listen names TCP addresses (IP:port) of the cell's own loopback that the
	// caller wants to serve: each is opened inside the cell before the program
	// starts and handed out by [Cell.Listener]. At most 16.
	Listen []string

	// Boot says how the program is booted before there is work for it; nil: it is
	// not. Nothing of what Boot says may be anybody's own.
	Boot *Boot

	// Network is the cell's way to a network; nil gives it none, so that all that
	// is not the loopback's fails with ENETUNREACH. Start's error is a
	// *TunnelError where the machine can not make one.
	Network *egress.Network

	// Stdout and Stderr get what the program writes, in order, from one
	// goroutine each. A slow Write holds back only the program. nil discards.
	//
	// An *os.File that is the writing end of a pipe is given to the program
	// itself: what it wrote is in the pipe before it does anything else. The
	// caller keeps its own end, and sees the end of the output when both are
	// closed. Any other file is written to by a goroutine: a program that held
	// it could seek in it, cut it off, or type into a terminal.
	Stdout, Stderr io.Writer
}

// Bounds of a Spec. What is sent to the spawner in all must fit one message.
const (
	maxBinds     = 128
	maxListen    = 16
	minMemory    = 16 << 20
	minPids      = 16
	defaultPids  = 1024
	defaultTmp   = 64 << 20
	defaultCPU   = 1000
	maxCPU       = 256 * 1000
	maxTextBytes = child.MaxMessage - 16<<10
)

// Validate says whether s can be started at all; the error is a *SpecError.
func (s *Spec) Validate() error {
	for _, check := range []func() error{s.checkID, s.checkRoot, s.checkProgram, s.checkLimits, s.checkListen, s.checkNetwork, s.checkBoot, s.checkSize} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func bad(field, format string, args ...any) error {
	return &SpecError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

func (s *Spec) checkID() error {
	if len(s.ID) == 0 || len(s.ID) > 128 {
		return bad("ID", "must have 1 to 128 characters")
	}
	for _, c := range []byte(s.ID) {
		if !idCharacter(c) {
			return bad("ID", "%q is not a letter, a digit, '-' or '_'", c)
		}
	}
	return nil
}

func idCharacter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func (s *Spec) checkRoot() error {
	if len(s.Root) > maxBinds {
		return bad("Root", "has %d binds; at most %d", len(s.Root), maxBinds)
	}
	seen := map[string]bool{}
	for _, b := range s.Root {
		if err := checkPath("Root.Source", b.Source); err != nil {
			return err
		}
		if err := checkTarget(b.Target); err != nil {
			return err
		}
		if seen[b.Target] {
			return bad("Root.Target", "%q is given twice", b.Target)
		}
		seen[b.Target] = true
	}
	return nil
}

func checkTarget(target string) error {
	if err := checkPath("Root.Target", target); err != nil {
		return err
	}
	for _, own := range []string{"/dev", "/proc", "/sys", "/tmp"} {
		if target == own || strings.HasPrefix(target, own+"/") {
			return bad("Root.Target", "%q lies in %s, which is the platform's", target, own)
		}
	}
	if target == "/" {
		return bad("Root.Target", "the root itself can not be replaced")
	}
	return nil
}

func checkPath(field, p string) error {
	switch {
	case !path.IsAbs(p):
		return bad(field, "%q is not absolute", p)
	case path.Clean(p) != p:
		return bad(field, "%q is not in its shortest form", p)
	case len(p) > 4000:
		return bad(field, "is longer than 4000 bytes")
	case strings.IndexByte(p, 0) >= 0:
		return bad(field, "has a zero byte")
	}
	for _, name := range strings.Split(p, "/") {
		if len(name) > 255 {
			return bad(field, "has a name longer than 255 bytes")
		}
	}
	return nil
}

func (s *Spec) checkProgram() error {
	if len(s.Args) == 0 {
		return bad("Args", "names no program")
	}
	if err := checkPath("Args", s.Args[0]); err != nil {
		return err
	}
	if s.Dir != "" {
		if err := checkPath("Dir", s.Dir); err != nil {
			return err
		}
	}
	for _, a := range s.Args {
		if strings.IndexByte(a, 0) >= 0 {
			return bad("Args", "has a zero byte")
		}
	}
	for _, e := range s.Env {
		if strings.IndexByte(e, 0) >= 0 || strings.IndexByte(e, '=') < 1 {
			return bad("Env", "has an entry that is not NAME=value") // never the entry: it may be a secret
		}
	}
	return nil
}

func (s *Spec) checkLimits() error {
	switch {
	case s.MemoryBytes < minMemory:
		return bad("MemoryBytes", "%d is less than %d", s.MemoryBytes, minMemory)
	case s.CPUMillis < 0 || s.CPUMillis > maxCPU:
		return bad("CPUMillis", "%d is not between 0 and %d", s.CPUMillis, maxCPU)
	case s.Pids != 0 && (s.Pids < minPids || s.Pids > 1<<20):
		return bad("Pids", "%d is not between %d and %d", s.Pids, minPids, 1<<20)
	case s.TmpBytes < 0 || s.TmpBytes > 1<<40:
		return bad("TmpBytes", "%d is not between 0 and %d", s.TmpBytes, int64(1)<<40)
	}
	return nil
}

func (s *Spec) checkListen() error {
	if len(s.Listen) > maxListen {
		return bad("Listen", "has %d addresses; at most %d", len(s.Listen), maxListen)
	}
	for _, a := range s.Listen {
		if _, err := loopback(a); err != nil {
			return err
		}
	}
	return nil
}

// loopback reads an address such as 127.0.0.1:9001 or [::1]:80.
func loopback(address string) (child.Address, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !ap.Addr().IsLoopback() || ap.Addr().Is4In6() || ap.Addr().Zone() != "" || ap.Port() == 0 {
		return child.Address{}, bad("Listen", "%q is not a loopback address with a port, and a cell has no other", address)
	}
	return child.Address{IP: string(ap.Addr().AsSlice()), Port: uint64(ap.Port())}, nil
}

func (s *Spec) checkNetwork() error {
	n := s.Network
	switch {
	case n == nil:
		return nil
	case n.Egress == nil:
		return bad("Network", "has no Egress to ask")
	case n.MaxFlows < 0 || n.MaxFlows > 1<<16:
		return bad("Network", "MaxFlows is %d, not between 0 and %d", n.MaxFlows, 1<<16)
	case n.Address.IsValid() && (!n.Address.Is4() || !own(n.Address)):
		return bad("Network", "%s is no IPv4 address for a cell", n.Address)
	case n.Address6.IsValid() && (!n.Address6.Is6() || n.Address6.Is4In6() || !own(n.Address6)):
		return bad("Network", "%s is no IPv6 address for a cell", n.Address6)
	}
	return nil
}

// own says whether a cell can have an address as its own.
func own(a netip.Addr) bool {
	return a == egress.DefaultAddress || !egress.Unreachable(a)
}

func (s *Spec) checkSize() error {
	n := len(s.Dir)
	for _, b := range s.Root {
		n += len(b.Source) + len(b.Target) + 8
	}
	for _, list := range [][]string{s.Args, s.Env} {
		for _, e := range list {
			n += len(e) + 4
		}
	}
	if n > maxTextBytes {
		return bad("Args and Env", "have, with the rest, %d bytes; at most %d", n, maxTextBytes)
	}
	return nil
}

// order is the spec as the spawner takes it. It must be valid.
func (s *Spec) order(id uint64) *child.Order {
	o := &child.Order{Op: child.OpAssign, ID: id, Args: s.Args, Env: s.Env, Dir: orElse(s.Dir, "/"), Filter: program()}
	o.Limits = child.Limits{
		Memory:    uint64(s.MemoryBytes),
		CPUMillis: uint64(orElse(s.CPUMillis, defaultCPU)),
		Pids:      uint64(orElse(s.Pids, defaultPids)),
		Tmp:       uint64(orElse(s.TmpBytes, defaultTmp)),
	}
	for _, b := range s.Root {
		o.Binds = append(o.Binds, child.Bind(b))
	}
	for _, a := range s.Listen {
		address, _ := loopback(a)
		o.Listen = append(o.Listen, address)
	}
	if s.Network != nil {
		o.Tunnel = child.Tunnel{IP4: string(orElse(s.Network.Address, egress.DefaultAddress).AsSlice()), MTU: egress.MTU}
		if s.Network.Address6.IsValid() {
			o.Tunnel.IP6 = string(s.Network.Address6.AsSlice())
		}
	}
	return o
}

// program is the filter of all cells.
var program = sync.OnceValue(filter.Program)

// orElse is v, or other when v is zero.
func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}
