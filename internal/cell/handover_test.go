package cell

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What a program wrote before it used a connection is in the pipe when the
// other side hears of the connection: no goroutine has to run in between.
func TestAPipeIsTheProgramsOwn(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec := probeSpec("uid", "connect:127.0.0.1:9001", "sleep") // it stays: its listener ends with it
	spec.Listen = []string{"127.0.0.1:9001"}
	spec.Stdout, spec.Stderr = w, w
	c := start(t, spec)
	conn, err := c.Listener(0).Accept()
	if err != nil {
		t.Fatal(err)
	}
	var b [64]byte
	n, err := nonblockingRead(r, b[:])
	if got := string(b[:max(n, 0)]); err != nil || !strings.HasPrefix(got, "uid 993\n") {
		t.Errorf("before its connection the program wrote %q (%v)", got, err)
	}
	conn.Close()
	c.Kill()
	c.Exit()
	w.Close()
	if _, err := io.ReadAll(r); err != nil { // ends: the cell holds nothing of it
		t.Error(err)
	}
}

func nonblockingRead(f *os.File, b []byte) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(fd uintptr) { n, err = syscall.Read(int(fd), b) })
	if failed != nil {
		err = failed
	}
	return n, err
}

// Only the writing end of a pipe is handed over; the output arrives in every
// case.
func TestWhichFilesAProgramMayHold(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		file  *os.File
		given bool
	}{
		{"the writing end of a pipe", w, true},
		{"the reading end of a pipe", r, false},
		{"a named pipe opened to write", openFile(t, fifo, syscall.O_WRONLY), true},
		{"a named pipe opened for both ways", openFile(t, fifo, os.O_RDWR), false},
		{"a regular file", openFile(t, filepath.Join(dir, "file"), os.O_WRONLY|os.O_CREATE), false},
		{"a terminal", openFile(t, "/dev/ptmx", os.O_RDWR), false},
		{"the null device", openFile(t, os.DevNull, os.O_WRONLY), false},
		{"a socket", os.NewFile(uintptr(pair[0]), "socket"), false},
		{"a closed file", closedFile(t), false},
	} {
		fd := handOver(c.file)
		if (fd >= 0) != c.given {
			t.Errorf("%s: given to the program is %t", c.name, fd >= 0)
		}
		if fd >= 0 {
			syscall.Close(fd)
		}
		c.file.Close()
	}
	syscall.Close(pair[1])
}

// openFile opens without waiting for a second side: a pipe that is to be
// written to gets a reader.
func openFile(t *testing.T, path string, flags int) *os.File {
	t.Helper()
	if flags == syscall.O_WRONLY && filepath.Base(path) == "fifo" {
		reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { reader.Close() })
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func closedFile(t *testing.T) *os.File {
	t.Helper()
	f := openFile(t, os.DevNull, os.O_WRONLY)
	f.Close()
	return f
}

func TestARegularFileGetsTheOutputAndIsNotHeld(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("earlier\n"); err != nil {
		t.Fatal(err)
	}
	spec := probeSpec("uid")
	spec.Stdout = f
	start(t, spec).Exit()
	got, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(got, []byte("earlier\nuid 993\n")) {
		t.Errorf("the file has %q (%v)", got, err)
	}
}
