package child

import (
	"strconv"
	"strings"
	"syscall"
)

// newRoot is where the root is put together, on the host's directory that is
// sure to exist. It is seen in this mount namespace only.
const newRoot = "/proc"

// Flags of everything mounted in a cell.
const (
	safe     = syscall.MS_NOSUID | syscall.MS_NODEV
	safeAttr = mountAttrRdonly | mountAttrNosuid | mountAttrNodev

	// deviceAttr lets a device node work; read-only does not keep from writing
	// to a device.
	deviceAttr = mountAttrRdonly | mountAttrNosuid | mountAttrNoexec
)

// etc are the platform's own files in /etc; nothing of the host's is there.
var etc = []struct{ name, text string }{
	{"passwd", "root:x:0:0:root:/:/sbin/nologin\ncell:x:" + userText + ":" + userText + "::/tmp:/sbin/nologin\n"},
	{"group", "root:x:0:\ncell:x:" + userText + ":\n"},
	{"hosts", "127.0.0.1 localhost\n::1 localhost\n"},
	{"hostname", "cell\n"},
	{"resolv.conf", "nameserver 192.0.0.1\noptions attempts:2 timeout:12\n"},
	{"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
}

// devices are harmless to anybody. They are the host's nodes, since nobody can
// make one in a user namespace.
var devices = []string{"null", "zero", "full", "random", "urandom"}

// links are what shells expect in /dev.
var links = []struct{ name, to string }{
	{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
}

// maskedFiles and maskedDirs tell about the host, not about the cell. Those that
// are not there, or that only the host's root can read, need no mask: the cell's
// user ids are strangers to the host.
var (
	maskedFiles = []string{
		"buddyinfo", "cgroups", "cmdline", "config.gz", "consoles", "crypto", "devices", "diskstats", "dma", "execdomains",
		"fb", "interrupts", "iomem", "ioports", "kallsyms", "kcore", "key-users", "keys", "kmsg", "kpagecgroup", "kpagecount",
		"kpageflags", "latency_stats", "locks", "mdstat", "misc", "modules", "mtrr", "pagetypeinfo", "partitions", "sched_debug",
		"schedstat", "slabinfo", "softirqs", "swaps", "sysrq-trigger", "timer_list", "vmallocinfo", "zoneinfo",
	}
	maskedDirs = []string{"acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "irq", "pressure", "scsi", "sysvipc", "tty"}
)

// makeRoot puts together what every cell has: an empty root of its own, /dev,
// /etc and /proc.
func makeRoot() error {
	// What is mounted here must not appear on the host; what the host unmounts
	// must not be held here.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SLAVE, ""); err != nil {
		return failed(LayerMount, "separate the mounts from the host's", err)
	}
	// /proc comes first: afterwards the new root lies over the host's.
	proc, err := newProc()
	if err != nil {
		return failed(LayerProc, "make /proc", err)
	}
	if err := syscall.Mount("cell", newRoot, "tmpfs", safe|syscall.MS_NOEXEC, "size=1m,nr_inodes=2k,mode=755"); err != nil {
		return failed(LayerRoot, "mount the root", err)
	}
	for _, dir := range []string{"dev", "etc", "proc", "tmp"} {
		if err := syscall.Mkdir(newRoot+"/"+dir, 0o755); err != nil {
			return failed(LayerRoot, "make /"+dir, err)
		}
	}
	if err := makeEtc(); err != nil {
		return failed(LayerRoot, "make /etc", err)
	}
	if err := makeDev(); err != nil {
		return failed(LayerRoot, "make /dev", err)
	}
	return failed(LayerProc, "attach /proc", attachProc(proc))
}

func makeEtc() error {
	for _, f := range etc {
		if err := writeFile(newRoot+"/etc/"+f.name, f.text); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path, text string) error {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if text == "" {
		return nil
	}
	_, err = syscall.Write(fd, []byte(text))
	return err
}

func makeDev() error {
	for _, name := range devices {
		if err := writeFile(newRoot+"/dev/"+name, ""); err != nil {
			return err
		}
		if err := overlay("/dev/"+name, newRoot+"/dev/"+name, deviceAttr); err != nil {
			return err
		}
	}
	for _, l := range links {
		if err := syscall.Symlink(l.to, newRoot+"/dev/"+l.name); err != nil {
			return err
		}
	}
	return nil
}

// newProc is the cell's own /proc, not attached yet. It is read-only as a whole:
// nothing a function needs is set there, and /proc/PID/mem can not be written.
func newProc() (int, error) { return mountNew("proc", safeAttr|mountAttrNoexec) }

func attachProc(proc int) error {
	defer syscall.Close(proc)
	if err := moveMount(proc, cwd, newRoot+"/proc"); err != nil {
		return err
	}
	for _, name := range maskedFiles {
		// A bind mount of a bind mount keeps its flags.
		err := syscall.Mount(newRoot+"/dev/null", newRoot+"/proc/"+name, "", syscall.MS_BIND, "")
		if err != nil && err != syscall.ENOENT {
			return err
		}
	}
	for _, name := range maskedDirs {
		// An empty directory to lay over others: /tmp has nothing mounted yet.
		err := overlay(newRoot+"/tmp", newRoot+"/proc/"+name, safeAttr)
		if err != nil && err != syscall.ENOENT {
			return err
		}
	}
	return nil
}

// overlay shows what is at path also at target, with attr.
func overlay(path, target string, attr uint64) error {
	tree, err := openTree(path, 0, attr)
	if err != nil {
		return err
	}
	defer syscall.Close(tree)
	return moveMount(tree, cwd, target)
}

// attachBind shows a tree at its target below root. Without one, which is so when the
// spawner has no power over mounts, it is opened here, with all that the host
// has mounted below: the kernel does not let an unprivileged user look under
// those.
func attachBind(root string, b Bind, tree int) error {
	if tree < 0 {
		var err error
		if tree, err = openTree(b.Source, atRecursive, safeAttr); err != nil {
			return failed(LayerSpec, "open "+b.Source, err)
		}
	}
	defer syscall.Close(tree)
	var st syscall.Stat_t
	if err := syscall.Fstat(tree, &st); err != nil {
		return failed(LayerSpec, "look at "+b.Source, err)
	}
	target, err := makeTarget(root, b.Target, st.Mode&syscall.S_IFMT == syscall.S_IFDIR)
	if err != nil {
		return failed(LayerSpec, "make a place for "+b.Target, err)
	}
	defer syscall.Close(target)
	err = moveMount(tree, uintptr(target), "")
	return failed(LayerSpec, "show "+b.Source+" at "+b.Target, err)
}

// makeTarget opens the place of a bind, made where it is missing. No symbolic
// link is followed on the way, since an earlier bind may hold any.
func makeTarget(root, target string, dir bool) (int, error) {
	at, err := syscall.Open(root, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	parts := strings.Split(target[1:], "/")
	for i, name := range parts {
		next, err := step(at, name, dir || i < len(parts)-1)
		syscall.Close(at)
		if err != nil {
			return -1, err
		}
		at = next
	}
	return at, nil
}

// step opens name in the directory at, after making it if it is not there.
func step(at int, name string, dir bool) (int, error) {
	how := openHow{flags: oPath | syscall.O_NOFOLLOW | syscall.O_CLOEXEC, resolve: resolveNoSymlinks | resolveBeneath}
	fd, err := openat2(at, name, &how)
	if err != syscall.ENOENT {
		return fd, err
	}
	if dir {
		err = syscall.Mkdirat(at, name, 0o755)
	} else {
		err = syscall.Mknodat(at, name, syscall.S_IFREG|0o644, 0)
	}
	if err != nil {
		return -1, err
	}
	return openat2(at, name, &how)
}

// mountTmp gives the cell its /tmp. Programs may be executed there, as on AWS.
func mountTmp(size uint64) error {
	return syscall.Mount("tmp", newRoot+"/tmp", "tmpfs", safe, "mode=1777,"+tmpSize(size))
}

// resizeTmp changes the size of a cell's /tmp, seen from inside.
func resizeTmp(size uint64) error {
	return syscall.Mount("", "/tmp", "", syscall.MS_REMOUNT|safe, tmpSize(size))
}

func tmpSize(size uint64) string {
	inodes := max(size/(16<<10), 1<<10)
	return "size=" + strconv.Itoa(int(size)) + ",nr_inodes=" + strconv.Itoa(int(inodes))
}

// enterRoot leaves the host's files for good.
func enterRoot() error {
	if err := syscall.Chdir(newRoot); err != nil {
		return failed(LayerRoot, "enter the root", err)
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return failed(LayerRoot, "change the root", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return failed(LayerRoot, "let go of the host's files", err)
	}
	err := syscall.Mount("", "/", "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY|safe|syscall.MS_NOEXEC, "")
	if err == nil {
		err = syscall.Chdir("/")
	}
	return failed(LayerRoot, "make the root read-only", err)
}
