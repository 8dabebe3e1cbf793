package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forkBomb starts sleeping children until it can not, and says whether it could
// start as many as asked.
func forkBomb(max string) string {
	n, _ := strconv.Atoi(max)
	for range n {
		if err := exec.Command(os.Args[0], "sleep").Start(); err != nil {
			return outcome(err)
		}
	}
	return "no limit met"
}

func memoryBomb(string) string {
	for {
		b, err := unix.Mmap(-1, 0, 16<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return outcome(err)
		}
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
	}
}

// childMemoryBomb has a child reach the limit, and would itself live on.
func childMemoryBomb(string) string {
	err := exec.Command(os.Args[0], "memory_bomb").Run()
	time.Sleep(time.Hour)
	return outcome(err)
}

func fillTmp(string) string {
	f, err := os.Create("/tmp/full")
	if err != nil {
		return outcome(err)
	}
	_, err = io.Copy(f, zeros{})
	return outcome(err)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func fillInodes(string) string {
	for i := range 1 << 20 {
		if err := os.WriteFile("/tmp/"+strconv.Itoa(i), nil, 0o600); err != nil {
			return outcome(err)
		}
	}
	return "no limit met"
}

// raise ends the program by a signal's default action.
func raise(number string) string {
	n, _ := strconv.Atoi(number)
	sig := syscall.Signal(n)
	// The Go runtime catches most signals; restore the default first.
	var def [32]byte
	_, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&def)), 0, 8, 0, 0)
	if errno != 0 && sig != syscall.SIGKILL {
		return unix.ErrnoName(errno)
	}
	syscall.Kill(os.Getpid(), sig)
	time.Sleep(5 * time.Second)
	return "survived"
}

func exit(code string) string {
	n, _ := strconv.Atoi(code)
	os.Exit(n)
	return ""
}

// orphan starts a child that leaves a grandchild behind, which ends; it says
// which processes there are after that.
func orphan(string) string {
	if err := exec.Command(os.Args[0], "leave").Run(); err != nil {
		return outcome(err)
	}
	for range 100 {
		if processes() <= 2 {
			return "collected"
		}
		time.Sleep(20 * time.Millisecond)
	}
	return strconv.Itoa(processes()) + " processes"
}

// leave starts a grandchild that ends soon, and ends before it.
func leave(string) string { return outcome(exec.Command(os.Args[0], "nap").Start()) }

func nap(string) string {
	time.Sleep(50 * time.Millisecond)
	return "ok"
}

// processes counts the directories in /proc that are processes.
func processes() int {
	n := 0
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			n++
		}
	}
	return n
}

func execCopy(string) string {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return outcome(err)
	}
	if err := os.WriteFile("/tmp/copy", self, 0o755); err != nil {
		return outcome(err)
	}
	return outcome(exec.Command("/tmp/copy").Run())
}

// hello makes one request of the kind a runtime makes first.
func hello(string) string {
	conn, err := net.Dial("tcp", "127.0.0.1:9001")
	if err != nil {
		return outcome(err)
	}
	fmt.Fprint(conn, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
	conn.Read(make([]byte, 1))
	return "ok"
}
