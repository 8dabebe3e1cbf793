package filter

import "golang.org/x/sys/unix"

const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

func checkClone(p *program) {
	p.loadArg(0)
	p.when(unix.BPF_JSET, namespaceFlags, refuse(unix.EPERM))
	p.ret(allow)
}

// checkSocket refuses multipath TCP, raw sockets, SCTP and all other protocols
// as if they were not built in. Netlink is for the list of interfaces
// (getifaddrs), which SDKs ask for.
func checkSocket(p *program) {
	internet := func(p *program) {
		p.loadArg(2)
		p.oneOf([]uint32{0, unix.IPPROTO_TCP, unix.IPPROTO_UDP}, refuse(unix.EPROTONOSUPPORT))
	}
	p.loadArg(0)
	p.when(unix.BPF_JEQ, unix.AF_UNIX, allow)
	p.ifEqual(unix.AF_NETLINK, func(p *program) {
		p.loadArg(2)
		p.oneOf([]uint32{unix.NETLINK_ROUTE}, refuse(unix.EPROTONOSUPPORT))
	})
	p.ifEqual(unix.AF_INET, internet)
	p.ifEqual(unix.AF_INET6, internet)
	p.ret(refuse(unix.EAFNOSUPPORT))
}

func checkSocketpair(p *program) {
	p.loadArg(0)
	p.oneOf([]uint32{unix.AF_UNIX}, refuse(unix.EAFNOSUPPORT))
}

// checkIoctl leaves out, among all others, TIOCSTI and TIOCLINUX, which write to
// a terminal as if somebody typed.
func checkIoctl(p *program) {
	p.loadArg(1)
	p.oneOf([]uint32{
		unix.TCGETS, unix.TIOCGWINSZ, unix.TIOCGPGRP, unix.TIOCINQ, unix.TIOCOUTQ, fioNBIO, fioCLEX, fioNCLEX, fioASYNC,
		unix.SIOCGIFNAME, unix.SIOCGIFCONF, unix.SIOCGIFFLAGS, unix.SIOCGIFADDR, unix.SIOCGIFNETMASK, unix.SIOCGIFBRDADDR,
		unix.SIOCGIFMTU, unix.SIOCGIFHWADDR, unix.SIOCGIFINDEX, unix.SIOCGIFTXQLEN,
	}, refuse(unix.ENOTTY))
}

// What libraries ask of an open file with ioctl instead of fcntl.
const fioNBIO, fioCLEX, fioNCLEX, fioASYNC = 0x5421, 0x5451, 0x5450, 0x5452

func checkPrctl(p *program) {
	p.loadArg(0)
	p.oneOf([]uint32{
		unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_SET_VMA, unix.PR_SET_PDEATHSIG, unix.PR_GET_PDEATHSIG,
		unix.PR_GET_DUMPABLE, unix.PR_SET_DUMPABLE, unix.PR_GET_SECCOMP, unix.PR_GET_NO_NEW_PRIVS, unix.PR_SET_NO_NEW_PRIVS,
		unix.PR_CAPBSET_READ, unix.PR_GET_SECUREBITS, unix.PR_CAP_AMBIENT, unix.PR_SET_CHILD_SUBREAPER, unix.PR_GET_CHILD_SUBREAPER,
		unix.PR_GET_TIMERSLACK, unix.PR_SET_TIMERSLACK, unix.PR_SET_THP_DISABLE, unix.PR_GET_THP_DISABLE,
		unix.PR_GET_SPECULATION_CTRL, unix.PR_GET_TAGGED_ADDR_CTRL, unix.PR_SET_TAGGED_ADDR_CTRL,
	}, refuse(unix.EINVAL))
}

func checkPersonality(p *program) {
	p.loadArg(0)
	p.oneOf([]uint32{0, 0xffffffff}, refuse(unix.EPERM))
}

// checkMknod looks at the kind in the mode, which is argument i.
func checkMknod(p *program, i uint32) {
	p.loadArg(i)
	p.emit(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, unix.S_IFMT)
	p.oneOf([]uint32{0, unix.S_IFREG, unix.S_IFIFO, unix.S_IFSOCK}, refuse(unix.EPERM))
}
