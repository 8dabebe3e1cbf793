package cell

import (
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

// outputChunk is the most a Write to Stdout or Stderr gets at once, in bytes.
const outputChunk = 16 << 10

// chunks are lent only while there is something to read: a thousand silent cells
// hold none.
var chunks = sync.Pool{New: func() any { return new([outputChunk]byte) }}

// openOutput opens what the program writes to, and reads the other ends.
func (c *Cell) openOutput(spec *Spec) (stdout, stderr int, err error) {
	if stdout, err = c.pipe(spec.Stdout); err != nil {
		return -1, -1, err
	}
	if stderr, err = c.pipe(spec.Stderr); err != nil {
		syscall.Close(stdout)
		return -1, -1, err
	}
	return stdout, stderr, nil
}

// pipe opens the writing end for w. Only the reading end is non-blocking: the
// mode of the other would be the program's.
func (c *Cell) pipe(w io.Writer) (int, error) {
	if w == nil {
		return syscall.Open("/dev/null", syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	}
	if f, ok := w.(*os.File); ok {
		if fd := handOver(f); fd >= 0 {
			return fd, nil
		}
	}
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("make a pipe for the output of a cell: %w", err)
	}
	if err := syscall.SetNonblock(ends[0], true); err != nil {
		closeFiles(ends[:])
		return -1, fmt.Errorf("make a pipe for the output of a cell: %w", err)
	}
	r := os.NewFile(uintptr(ends[0]), "cell output")
	c.output.Go(func() { drain(r, w) })
	return ends[1], nil
}

// drain copies until nobody can write any more. What w refuses is lost; the
// program must not be held up by it.
func drain(r *os.File, w io.Writer) {
	defer r.Close()
	raw, err := r.SyscallConn()
	if err != nil {
		return
	}
	for {
		chunk, n := nextChunk(raw)
		if chunk == nil {
			return
		}
		w.Write(chunk[:n])
		chunks.Put(chunk)
	}
}

// nextChunk waits for output; nil is the end of it.
func nextChunk(raw syscall.RawConn) (chunk *[outputChunk]byte, n int) {
	err := raw.Read(func(fd uintptr) bool {
		chunk = chunks.Get().(*[outputChunk]byte)
		var err error
		for {
			n, err = syscall.Read(int(fd), chunk[:])
			if err != syscall.EINTR {
				break
			}
		}
		if n > 0 {
			return true
		}
		chunks.Put(chunk)
		chunk = nil
		return err != syscall.EAGAIN
	})
	if err != nil {
		return nil, 0
	}
	return chunk, n
}
