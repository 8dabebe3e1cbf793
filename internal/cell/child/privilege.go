package child

import (
	"syscall"
	"unsafe"
)

// stageCapabilities are what building a cell takes, in the cell's own user
// namespace only.
var stageCapabilities = []uintptr{
	21, // SYS_ADMIN: mounts, pivot_root, host name, cgroup and time namespace
	18, // SYS_CHROOT: pivot_root moves the root of this process
	12, // NET_ADMIN: loopback up
	10, // NET_BIND_SERVICE: listeners on ports under 1024
	8,  // SETPCAP: giving up the bounding set
	25, // SYS_TIME: clocks of the time namespace
}

// secureBits makes user id 0 an id without meaning, and locks that.
const secureBits = 1<<0 | 1<<1 | // no root
	1<<2 | 1<<3 | // no capabilities changed by setuid
	1<<5 | // capabilities never kept
	1<<6 | 1<<7 // no ambient ones

// dropCapabilities empties all five sets of this thread for good.
func dropCapabilities() error {
	if err := prctl(prCapAmbient, prCapAmbientClearAll); err != nil {
		return err
	}
	if err := prctl(syscall.PR_SET_SECUREBITS, secureBits); err != nil {
		return err
	}
	for c := uintptr(0); c < 64; c++ {
		if err := prctl(syscall.PR_CAPBSET_DROP, c); err == syscall.EINVAL {
			break // the kernel's last capability was the one before
		} else if err != nil {
			return err
		}
	}
	header := struct {
		version uint32
		pid     int32
	}{version: capabilityVersion3}
	var none [2]struct{ effective, permitted, inheritable uint32 }
	_, _, e := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
	return result(e)
}

// resourceLimits are set as both the soft and the hard limit.
var resourceLimits = []struct {
	resource int
	value    uint64
}{
	{syscall.RLIMIT_CORE, 0},        // a core file would hold the function's credentials
	{syscall.RLIMIT_NOFILE, 1024},   // as on AWS
	{rlimitMemlock, 64 << 10},       // what the kernel's default was for long
	{rlimitMsgqueue, 0},             // kernel memory
	{rlimitSigpending, 1024},        // kernel memory
	{rlimitNice, 0},                 // no priority
	{rlimitRtprio, 0},               // no priority
	{syscall.RLIMIT_STACK, 8 << 20}, // the host's may be unlimited, which changes the address layout
}

// limitResources sets the table. A limit that is lower already stays.
func limitResources() error {
	for _, l := range resourceLimits {
		var now syscall.Rlimit
		if err := prlimit(l.resource, nil, &now); err != nil {
			return err
		}
		v := min(l.value, now.Max)
		if err := prlimit(l.resource, &syscall.Rlimit{Cur: v, Max: v}, nil); err != nil {
			return err
		}
	}
	return nil
}
