package report

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is where and when a run took place.
type Machine struct {
	Date, Commit, CPU, Memory, Kernel, Go, Disk, Load string
	CPUs                                              int
}

// ThisMachine describes this machine, with the disk that holds dir and the
// commit of the source tree at root.
func ThisMachine(root, dir string) Machine {
	return Machine{
		Date: time.Now().UTC().Format("2006-01-02 15:04 UTC"), Commit: commit(root),
		CPU: cpuName(), CPUs: runtime.NumCPU(), Memory: field("/proc/meminfo", "MemTotal"),
		Kernel: kernel(), Go: runtime.Version(), Disk: fileSystem(dir), Load: load(),
	}
}

// crowded tells whether others were at work when the run began.
func (m *Machine) crowded() bool {
	first, _, _ := strings.Cut(m.Load, " ")
	x, err := strconv.ParseFloat(first, 64)
	return err == nil && x > float64(m.CPUs)/4
}

func (m *Machine) table(b *strings.Builder) {
	b.WriteString("## The machine\n\n| | |\n|---|---|\n")
	for _, row := range [][2]string{
		{"date", m.Date}, {"commit", m.Commit}, {"processors", fmt.Sprintf("%d × %s", m.CPUs, m.CPU)}, {"memory", m.Memory}, {"kernel", m.Kernel},
		{"Go", m.Go}, {"data on", m.Disk}, {"load average at the start", m.Load},
	} {
		fmt.Fprintf(b, "| %s | %s |\n", row[0], row[1])
	}
	b.WriteString("\nThe load generator runs on the same processors as what it measures, on both sides of a comparison alike.\n\n")
}

func commit(root string) string {
	out, err := exec.Command("git", "-C", root, "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

func cpuName() string {
	name := field("/proc/cpuinfo", "model name")
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil && bytes.Contains(text, []byte(" hypervisor")) {
		name += ", in a virtual machine"
	}
	return name
}

// field is the value of the first line "NAME: VALUE" of a file.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
}

// fileSystem names the file system of dir, since a disk in memory syncs for nothing.
func fileSystem(dir string) string {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return "unknown"
	}
	switch int64(s.Type) {
	case unix.TMPFS_MAGIC:
		return "tmpfs: **in memory, so syncing costs nothing**"
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	}
	return fmt.Sprintf("a file system of type %#x", s.Type)
}

// Busy is the share of the processors, 0 to 1, that was in use or taken by the
// hypervisor while this process slept for a second.
func Busy() float64 {
	idle, total := ticks()
	time.Sleep(time.Second)
	idle2, total2 := ticks()
	if total2 == total {
		return 0
	}
	return 1 - float64(idle2-idle)/float64(total2-total)
}

// ticks are the idle and all processor time since boot (proc(5), /proc/stat).
func ticks() (idle, total uint64) {
	text, _ := os.ReadFile("/proc/stat") // without it nothing is known, and 0 says so
	line, _, _ := strings.Cut(string(text), "\n")
	for i, f := range strings.Fields(line) {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil || i > 8 { // guest time is counted in user time already
			continue
		}
		total += n
		if i == 4 || i == 5 {
			idle += n
		}
	}
	return idle, total
}
