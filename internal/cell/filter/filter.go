// Package filter is the list of system calls that a program in a cell may make,
// each group with its reason, and its compiler to the kernel's filter language.
//
// What can never happen: a call that is in no list is made; a call of another
// machine's interface (32-bit, x32) passes under a number that means something
// else here; a namespace is made by clone. The lists are calls.go, the checks of
// arguments checks.go.
package filter

import (
	"encoding/binary"
	"sort"

	"golang.org/x/sys/unix"
)

// Verdicts of a filter.
const (
	allow       = unix.SECCOMP_RET_ALLOW
	killProcess = unix.SECCOMP_RET_KILL_PROCESS
)

func refuse(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }

// Offsets in the data that a filter sees: the number of the call, the machine,
// and the low halves of the arguments. Both machines are little-endian.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

// x32Bit marks calls of the x32 interface, which would pass under other numbers.
const x32Bit = 0x40000000

// rule is what happens to one system call: a verdict, or a check of arguments
// that ends in one.
type rule struct {
	number  uint32
	verdict uint32
	check   func(*program)
}

// program is a filter being assembled.
type program struct{ code []unix.SockFilter }

func (p *program) emit(code uint16, k uint32) {
	p.code = append(p.code, unix.SockFilter{Code: code, K: k})
}

func (p *program) load(offset uint32) { p.emit(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset) }

// loadArg loads the low half of an argument. The kernel takes all the arguments
// checked here as 32-bit numbers.
func (p *program) loadArg(i uint32) { p.load(offArgs + 8*i) }

func (p *program) ret(verdict uint32) { p.emit(unix.BPF_RET|unix.BPF_K, verdict) }

// unless returns verdict if the loaded value does not pass the test (jt of the
// conditional jump code).
func (p *program) unless(jump uint16, k, verdict uint32) {
	p.code = append(p.code, unix.SockFilter{Code: unix.BPF_JMP | jump | unix.BPF_K, Jt: 1, K: k})
	p.ret(verdict)
}

// when returns verdict if the loaded value passes the test.
func (p *program) when(jump uint16, k, verdict uint32) {
	p.code = append(p.code, unix.SockFilter{Code: unix.BPF_JMP | jump | unix.BPF_K, Jf: 1, K: k})
	p.ret(verdict)
}

// ifEqual runs then, which must end in a verdict, if the loaded value is k.
func (p *program) ifEqual(k uint32, then func(*program)) {
	var sub program
	then(&sub)
	p.code = append(p.code, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: k})
	p.emit(unix.BPF_JMP|unix.BPF_JA, uint32(len(sub.code)))
	p.code = append(p.code, sub.code...)
}

// oneOf allows the loaded value if it is in the list, and else gives verdict.
func (p *program) oneOf(list []uint32, verdict uint32) {
	for _, k := range list {
		p.when(unix.BPF_JEQ, k, allow)
	}
	p.ret(verdict)
}

// compile assembles the filter: other machines' calls kill, a number in no rule
// gets the verdict otherwise, and the rules are found by binary search, which
// matters at installation: the kernel then runs the filter for every number
// there is.
func compile(rules []rule, otherwise uint32) []unix.SockFilter {
	sorted := append([]rule(nil), rules...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].number < sorted[j].number })
	var p program
	p.load(offArch)
	p.unless(unix.BPF_JEQ, auditArch, killProcess)
	p.load(offNumber)
	p.when(unix.BPF_JGE, x32Bit, refuse(unix.ENOSYS))
	p.search(spans(sorted, otherwise))
	return p.code
}

// span is a run of numbers, from first to before the next span's, that fare
// alike.
type span struct {
	first uint32
	rule
}

// spans covers all numbers.
func spans(sorted []rule, otherwise uint32) []span {
	list := []span{{0, rule{verdict: otherwise}}}
	add := func(s span) {
		last := &list[len(list)-1]
		switch {
		case last.first == s.first:
			*last = s
		case s.check == nil && last.check == nil && last.verdict == s.verdict:
		default:
			list = append(list, s)
		}
	}
	for _, r := range sorted {
		add(span{r.number, r})
		add(span{r.number + 1, rule{verdict: otherwise}})
	}
	return list
}

// search emits a binary tree over the spans.
func (p *program) search(list []span) {
	if len(list) == 1 {
		if list[0].check != nil {
			list[0].check(p)
		} else {
			p.ret(list[0].verdict)
		}
		return
	}
	half := len(list) / 2
	var low, high program
	low.search(list[:half])
	high.search(list[half:])
	// A conditional jump reaches 255 instructions, a plain one any number.
	p.code = append(p.code, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, Jf: 1, K: list[half].first})
	p.emit(unix.BPF_JMP|unix.BPF_JA, uint32(len(low.code)))
	p.code = append(p.code, low.code...)
	p.code = append(p.code, high.code...)
}

// rules are all the tables together.
func rules() []rule {
	var list []rule
	add := func(groups []callGroup, verdict uint32) {
		for _, g := range groups {
			for _, n := range g.calls {
				list = append(list, rule{number: n, verdict: verdict})
			}
		}
	}
	add(allowed, allow)
	add(allowedHere, allow)
	add(refused, refuse(unix.EPERM))
	add(refusedHere, refuse(unix.EPERM))
	add(absent, refuse(unix.ENOSYS))
	for _, c := range append(checked, checkedHere...) {
		list = append(list, rule{number: c.number, check: c.check})
	}
	return list
}

// Calls counts the system calls that pass, with any arguments and with some.
func Calls() (all, some int) {
	for _, r := range rules() {
		switch {
		case r.check != nil:
			some++
		case r.verdict == allow:
			all++
		}
	}
	return all, some
}

// Program is the filter as the kernel takes it: struct sock_filter, one after
// the other, in this machine's byte order.
func Program() string {
	var b []byte
	for _, in := range compile(rules(), refuse(unix.ENOSYS)) {
		b = binary.NativeEndian.AppendUint16(b, in.Code)
		b = append(b, in.Jt, in.Jf)
		b = binary.NativeEndian.AppendUint32(b, in.K)
	}
	return string(b)
}
