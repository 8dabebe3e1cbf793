package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// outcome is the errno's name, or ok.
func outcome(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	case errors.Is(err, fs.ErrNotExist):
		return "ENOENT"
	}
	return err.Error()
}

// call makes a system call with arguments that a permitted one would not fault on.
func call(number uintptr, args ...uintptr) func(string) string {
	return func(string) string {
		var a [6]uintptr
		copy(a[:], args)
		_, _, errno := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
		if errno == 0 {
			return "ok"
		}
		return unix.ErrnoName(errno)
	}
}

func str(s string) uintptr {
	p, _ := syscall.BytePtrFromString(s)
	pins = append(pins, p)
	return uintptr(unsafe.Pointer(p))
}

var pins []*byte

func init() {
	for name, try := range map[string]func(string) string{
		"mount":             call(unix.SYS_MOUNT, str("x"), str("/tmp"), str("tmpfs"), 0, 0),
		"umount":            call(unix.SYS_UMOUNT2, str("/proc"), unix.MNT_DETACH),
		"pivot_root":        call(unix.SYS_PIVOT_ROOT, str("/tmp"), str("/tmp")),
		"chroot":            call(unix.SYS_CHROOT, str("/tmp")),
		"open_tree":         call(unix.SYS_OPEN_TREE, ^uintptr(99), str("/"), unix.OPEN_TREE_CLONE),
		"fsopen":            call(unix.SYS_FSOPEN, str("tmpfs"), 0),
		"mount_setattr":     call(unix.SYS_MOUNT_SETATTR, ^uintptr(99), str("/"), 0, 0, 0),
		"ptrace":            call(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0, 0),
		"unshare":           call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER),
		"setns":             call(unix.SYS_SETNS, 0, 0),
		"bpf":               call(unix.SYS_BPF, 0, 0, 0),
		"io_uring_setup":    call(unix.SYS_IO_URING_SETUP, 1, 0),
		"userfaultfd":       call(unix.SYS_USERFAULTFD, 0),
		"perf_event_open":   call(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0),
		"keyctl":            call(unix.SYS_KEYCTL, 0, 0, 0),
		"add_key":           call(unix.SYS_ADD_KEY, str("user"), str("a"), str("b"), 1, 0),
		"name_to_handle_at": call(unix.SYS_NAME_TO_HANDLE_AT, ^uintptr(99), str("/"), 0, 0, 0),
		"open_by_handle_at": call(unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0),
		"process_vm_readv":  call(unix.SYS_PROCESS_VM_READV, 1, 0, 0, 0, 0, 0),
		"pidfd_getfd":       call(unix.SYS_PIDFD_GETFD, 0, 0, 0),
		"kexec_load":        call(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0),
		"init_module":       call(unix.SYS_INIT_MODULE, 0, 0, str("")),
		"seccomp":           call(unix.SYS_SECCOMP, 0, 0, 0),
		"syslog":            call(unix.SYS_SYSLOG, 2, 0, 0),
		"setuid":            call(unix.SYS_SETUID, 0),
		"setgroups":         call(unix.SYS_SETGROUPS, 0, 0),
		"sethostname":       call(unix.SYS_SETHOSTNAME, str("x"), 1),
		"clock_settime":     call(unix.SYS_CLOCK_SETTIME, 0, 0),
		"reboot":            call(unix.SYS_REBOOT, 0, 0, 0, 0),
		"quotactl":          call(unix.SYS_QUOTACTL, 0, 0, 0, 0),
		"swapon":            call(unix.SYS_SWAPON, str("/tmp/x"), 0),
		"clone3":            call(unix.SYS_CLONE3, 0, 0),
		"clone_newuser":     call(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD), 0, 0, 0, 0),
		"clone_newns":       call(unix.SYS_CLONE, unix.CLONE_NEWNS|uintptr(unix.SIGCHLD), 0, 0, 0, 0),
		"unknown_call":      call(900),
		"x32_call":          call(0x40000000 | 39), // getpid by its x32 number
		"prctl_mm":          call(unix.SYS_PRCTL, unix.PR_SET_MM, 0, 0, 0, 0),
		"personality":       call(unix.SYS_PERSONALITY, 0x0040000),
		"tiocsti":           call(unix.SYS_IOCTL, 0, unix.TIOCSTI, str("x")),
		"mknod_device":      func(string) string { return outcome(unix.Mknod("/tmp/dev", unix.S_IFBLK|0o600, 8<<8)) },
		"mkfifo":            func(string) string { return outcome(unix.Mkfifo("/tmp/fifo", 0o600)) },
		"nice":              call(unix.SYS_SETPRIORITY, 0, 0, ^uintptr(9)),
		"socket":            socket,
		"connect":           connect,
		"listen_abstract":   listenAbstract,
		"dial_abstract":     dialAbstract,
		"read":              func(path string) string { _, err := os.ReadFile(path); return outcome(err) },
		"head":              head,
		"write":             write,
		"open_rw":           openRW,
		"stat":              func(path string) string { _, err := os.Stat(path); return outcome(err) },
		"exec":              func(path string) string { return outcome(exec.Command(path).Run()) },
		"exec_copy":         execCopy,
		"kill":              kill,
		"list":              list,
		"status":            status,
		"env":               func(string) string { return strings.Join(os.Environ(), ",") },
		"uid":               func(string) string { return strconv.Itoa(os.Getuid()) },
		"hostname":          func(string) string { h, _ := os.Hostname(); return h },
		"cgroup":            cgroup,
		"uptime":            uptime,
		"limit":             limit,
		"files":             files,
		"fork_bomb":         forkBomb,
		"memory_bomb":       memoryBomb,
		"fill_tmp":          fillTmp,
		"fill_inodes":       fillInodes,
		"child_memory_bomb": childMemoryBomb,
		"raise":             raise,
		"exit":              exit,
		"sleep":             func(string) string { time.Sleep(time.Hour); return "ok" },
		"orphan":            orphan,
		"leave":             leave,
		"nap":               nap,
		"print":             func(n string) string { count, _ := strconv.Atoi(n); return strings.Repeat("x", count) },
		"hello":             hello,
		"processors":        func(string) string { return strconv.Itoa(runtime.NumCPU()) },
	} {
		attempts[name] = try
	}
}

// socket takes "family,type,protocol".
func socket(arg string) string {
	var family, kind, protocol int
	fmt.Sscanf(arg, "%d,%d,%d", &family, &kind, &protocol)
	_, err := unix.Socket(family, kind, protocol)
	return outcome(err)
}

func connect(address string) string {
	conn, err := net.DialTimeout("tcp", address, 3*time.Second)
	if err == nil {
		conn.Close()
	}
	return outcome(err)
}

func listenAbstract(name string) string {
	_, err := net.Listen("unix", "@"+name)
	return outcome(err)
}

func dialAbstract(name string) string {
	_, err := net.Dial("unix", "@"+name)
	return outcome(err)
}

// head is the first bytes of a file.
func head(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return outcome(err)
	}
	defer f.Close()
	b := make([]byte, 16)
	n, _ := f.Read(b)
	return string(b[:n])
}

func write(path string) string { return outcome(os.WriteFile(path, []byte("x"), 0o600)) }

func openRW(path string) string {
	_, err := os.OpenFile(path, os.O_RDWR, 0)
	return outcome(err)
}

func kill(pid string) string {
	n, _ := strconv.Atoi(pid)
	return outcome(syscall.Kill(n, 0))
}

func list(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return outcome(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, ",")
}

func status(key string) string {
	b, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "absent"
}

func cgroup(string) string {
	b, _ := os.ReadFile("/proc/self/cgroup")
	for _, line := range strings.Fields(string(b)) {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 && f[2] != "/" && f[1] != "name=systemd" {
			return line
		}
	}
	return "/"
}

func uptime(string) string {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	if ts.Sec < 60 {
		return "young"
	}
	return "old"
}

func limit(resource string) string {
	n, _ := strconv.Atoi(resource)
	var l unix.Rlimit
	unix.Getrlimit(n, &l)
	return fmt.Sprint(l.Cur, ",", l.Max)
}

// files lists the open file descriptors that are not the runtime's own.
func files(string) string {
	var open []string
	for fd := range 1024 {
		link, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if err == nil && !strings.HasPrefix(link, "anon_inode:[event") {
			open = append(open, strconv.Itoa(fd))
		}
	}
	return strings.Join(open, ",")
}
