package filter

import "golang.org/x/sys/unix"

var allowedHere = []callGroup{
	{"older names of calls in the common list, which glibc and V8 still make", []uint32{
		unix.SYS_OPEN, unix.SYS_CREAT, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_NEWFSTATAT, unix.SYS_ACCESS, unix.SYS_READLINK,
		unix.SYS_GETDENTS, unix.SYS_MKDIR, unix.SYS_RMDIR, unix.SYS_UNLINK, unix.SYS_RENAME, unix.SYS_LINK, unix.SYS_SYMLINK,
		unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_LCHOWN, unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT,
		unix.SYS_DUP2, unix.SYS_PIPE, unix.SYS_EVENTFD, unix.SYS_POLL, unix.SYS_SELECT, unix.SYS_EPOLL_CREATE, unix.SYS_EPOLL_WAIT,
		unix.SYS_INOTIFY_INIT, unix.SYS_SIGNALFD, unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_GETPGRP, unix.SYS_PAUSE, unix.SYS_ALARM,
		unix.SYS_TIME,
	}},
	{"thread-local storage", []uint32{unix.SYS_ARCH_PRCTL}},
}

var refusedHere = []callGroup{
	{"segments, ports and old doors of the processor", []uint32{
		unix.SYS_MODIFY_LDT, unix.SYS_IOPL, unix.SYS_IOPERM,
	}},
}

var checkedHere = []argumentCheck{
	{"files, pipes and sockets, no devices", unix.SYS_MKNOD, func(p *program) { checkMknod(p, 1) }},
}
