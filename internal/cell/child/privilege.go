package child

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// stageCapabilities are what building a cell takes, in the cell's own user
// namespace only.
var stageCapabilities = []uintptr{
	unix.CAP_SYS_ADMIN,        // mounts, pivot_root, host name, cgroup and time namespace
	unix.CAP_SYS_CHROOT,       // pivot_root moves the root of this process
	unix.CAP_NET_ADMIN,        // loopback up
	unix.CAP_NET_BIND_SERVICE, // listeners on ports under 1024
	unix.CAP_SETPCAP,          // giving up the bounding set
	unix.CAP_SYS_TIME,         // clocks of the time namespace
}

// secureBits makes user id 0 an id without meaning, and locks that.
const secureBits = 1<<0 | 1<<1 | // no root
	1<<2 | 1<<3 | // no capabilities changed by setuid
	1<<5 | // capabilities never kept
	1<<6 | 1<<7 // no ambient ones

// dropCapabilities empties all five sets of this thread for good.
func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, secureBits, 0, 0, 0); err != nil {
		return err
	}
	for c := uintptr(0); c < 64; c++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err == unix.EINVAL {
			break // the kernel's last capability was the one before
		} else if err != nil {
			return err
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, e := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
	if e != 0 {
		return e
	}
	return nil
}

// resourceLimits are set as both the soft and the hard limit.
var resourceLimits = []struct {
	resource int
	value    uint64
}{
	{unix.RLIMIT_CORE, 0},           // a core file would hold the function's credentials
	{unix.RLIMIT_NOFILE, 1024},      // as on AWS
	{unix.RLIMIT_MEMLOCK, 64 << 10}, // what the kernel's default was for long
	{unix.RLIMIT_MSGQUEUE, 0},       // kernel memory
	{unix.RLIMIT_SIGPENDING, 1024},  // kernel memory
	{unix.RLIMIT_NICE, 0},           // no priority
	{unix.RLIMIT_RTPRIO, 0},         // no priority
	{unix.RLIMIT_STACK, 8 << 20},    // the host's may be unlimited, which changes the address layout
}

// limitResources sets the table. A limit that is lower already stays.
func limitResources() error {
	for _, l := range resourceLimits {
		var now unix.Rlimit
		if err := unix.Prlimit(0, l.resource, nil, &now); err != nil {
			return err
		}
		v := min(l.value, now.Max)
		if err := unix.Prlimit(0, l.resource, &unix.Rlimit{Cur: v, Max: v}, nil); err != nil {
			return err
		}
	}
	return nil
}
