package filter

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// machine runs a compiled filter as the kernel would.
type machine struct{ vm *bpf.VM }

func newMachine(t testing.TB, code []unix.SockFilter) machine {
	t.Helper()
	var program []bpf.Instruction
	for _, in := range code {
		program = append(program, bpf.RawInstruction{Op: in.Code, Jt: in.Jt, Jf: in.Jf, K: in.K}.Disassemble())
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	return machine{vm}
}

// verdict is the filter's for one call. The interpreter reads big-endian words.
func (m machine) verdict(t testing.TB, arch, number uint32, args ...uint32) uint32 {
	t.Helper()
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[offNumber:], number)
	binary.BigEndian.PutUint32(data[offArch:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[offArgs+8*i:], a)
	}
	v, err := m.vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(v)
}

func TestEveryNumberGetsItsVerdict(t *testing.T) {
	m := newMachine(t, compile(rules(), refuse(unix.ENOSYS)))
	want := map[uint32]rule{}
	for _, r := range rules() {
		want[r.number] = r
	}
	for n := range uint32(2000) {
		got := m.verdict(t, auditArch, n)
		r, listed := want[n]
		switch {
		case !listed && got != refuse(unix.ENOSYS):
			t.Errorf("call %d is in no list and gets %#x", n, got)
		case listed && r.check == nil && got != r.verdict:
			t.Errorf("call %d gets %#x, its list says %#x", n, got, r.verdict)
		}
	}
}

func TestNoNumberIsInTwoLists(t *testing.T) {
	seen := map[uint32]bool{}
	for _, r := range rules() {
		if seen[r.number] {
			t.Errorf("call %d is listed twice", r.number)
		}
		seen[r.number] = true
	}
}

func TestOtherInterfaces(t *testing.T) {
	m := newMachine(t, compile(rules(), refuse(unix.ENOSYS)))
	if got := m.verdict(t, 0x40000003, unix.SYS_READ); got != killProcess {
		t.Errorf("a 32-bit call gets %#x", got)
	}
	for _, n := range []uint32{x32Bit, x32Bit | unix.SYS_READ, 0xffffffff} {
		if got := m.verdict(t, auditArch, n); got != refuse(unix.ENOSYS) {
			t.Errorf("call %#x gets %#x", n, got)
		}
	}
}

func TestArguments(t *testing.T) {
	m := newMachine(t, compile(rules(), refuse(unix.ENOSYS)))
	for _, c := range []struct {
		name   string
		number uint32
		args   []uint32
		want   uint32
	}{
		{"thread", unix.SYS_CLONE, []uint32{unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND}, allow},
		{"new user namespace", unix.SYS_CLONE, []uint32{unix.CLONE_NEWUSER}, refuse(unix.EPERM)},
		{"new namespace among others", unix.SYS_CLONE, []uint32{unix.CLONE_VM | unix.CLONE_NEWCGROUP}, refuse(unix.EPERM)},
		{"tcp", unix.SYS_SOCKET, []uint32{unix.AF_INET, unix.SOCK_STREAM, 0}, allow},
		{"icmp", unix.SYS_SOCKET, []uint32{unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_ICMPV6}, refuse(unix.EPROTONOSUPPORT)},
		{"vsock", unix.SYS_SOCKET, []uint32{unix.AF_VSOCK, unix.SOCK_STREAM, 0}, refuse(unix.EAFNOSUPPORT)},
		{"unix pair", unix.SYS_SOCKETPAIR, []uint32{unix.AF_UNIX}, allow},
		{"other pair", unix.SYS_SOCKETPAIR, []uint32{unix.AF_TIPC}, refuse(unix.EAFNOSUPPORT)},
		{"is it a terminal", unix.SYS_IOCTL, []uint32{0, unix.TCGETS}, allow},
		{"type into a terminal", unix.SYS_IOCTL, []uint32{0, unix.TIOCSTI}, refuse(unix.ENOTTY)},
		{"name of a thread", unix.SYS_PRCTL, []uint32{unix.PR_SET_NAME}, allow},
		{"memory map", unix.SYS_PRCTL, []uint32{unix.PR_SET_MM}, refuse(unix.EINVAL)},
		{"pipe", unix.SYS_MKNODAT, []uint32{0, 0, unix.S_IFIFO | 0o666}, allow},
		{"disk", unix.SYS_MKNODAT, []uint32{0, 0, unix.S_IFBLK | 0o666}, refuse(unix.EPERM)},
	} {
		if got := m.verdict(t, auditArch, c.number, c.args...); got != c.want {
			t.Errorf("%s gets %#x, want %#x", c.name, got, c.want)
		}
	}
}

// Any set of rules compiles to a program that the kernel accepts and that agrees
// with a plain look-up.
func TestCompileAgreesWithLookup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfDistinct(rapid.Uint32Range(0, 600), rapid.ID[uint32]).Draw(t, "numbers")
		var list []rule
		want := map[uint32]uint32{}
		for _, n := range numbers {
			v := rapid.SampledFrom([]uint32{allow, refuse(unix.EPERM), refuse(unix.ENOENT)}).Draw(t, fmt.Sprint(n))
			list = append(list, rule{number: n, verdict: v})
			want[n] = v
		}
		code := compile(list, refuse(unix.ENOSYS))
		if len(code) > 4096 {
			t.Fatalf("%d instructions; the kernel takes 4096", len(code))
		}
		var program []bpf.Instruction
		for _, in := range code {
			program = append(program, bpf.RawInstruction{Op: in.Code, Jt: in.Jt, Jf: in.Jf, K: in.K}.Disassemble())
		}
		vm, err := bpf.NewVM(program)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, 64)
		binary.BigEndian.PutUint32(data[offArch:], auditArch)
		for n := range uint32(610) {
			binary.BigEndian.PutUint32(data[offNumber:], n)
			got, err := vm.Run(data)
			if err != nil {
				t.Fatal(err)
			}
			expect, ok := want[n]
			if !ok {
				expect = refuse(unix.ENOSYS)
			}
			if uint32(got) != expect {
				t.Fatalf("call %d gets %#x, want %#x", n, got, expect)
			}
		}
	})
}

// Docker's default profile lets some 360 calls pass on amd64; a cell's list is
// to stay well below that.
func TestTheListStaysShort(t *testing.T) {
	all, some := Calls()
	t.Logf("%d calls with any arguments, %d with some", all, some)
	if all+some > 240 {
		t.Errorf("%d calls pass: say why in calls.go and here", all+some)
	}
}
