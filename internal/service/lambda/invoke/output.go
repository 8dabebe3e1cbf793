package invoke

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/redact"
)

const (
	// maxLine is the longest log event, in bytes: that of CloudWatch Logs.
	maxLine = 256 << 10
	// maxDrain bounds what one drain reads, so that a function that never
	// stops writing cannot hold up the platform's own lines.
	maxDrain = 1 << 20
)

// output is what one cell writes and what the platform writes about it, in one
// order. Everything is read under its lock, by a goroutine that waits for
// bytes and, before each line of the platform's own, by whoever writes that
// line: so END never overtakes what the function printed before it.
type output struct {
	emit    func(LogEvent)  // called with mu held
	secrets *redact.Secrets // that the function was given; nil looks for none

	mu      sync.Mutex
	read    *os.File
	fd      int // of read; -1 after the end
	partial []byte
	last    int64 // when the last event was, in ms since 1970
	tail    *tail // of the running invocation, if somebody asked for it
	done    chan struct{}
}

// newOutput makes the pipe; the write end goes to the cell. It is in blocking
// mode, which programs expect of their standard output.
func newOutput(emit func(LogEvent), secrets *redact.Secrets) (o *output, write io.WriteCloser, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	if err := unix.SetNonblock(p[0], true); err != nil {
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	o = &output{emit: emit, secrets: secrets, read: os.NewFile(uintptr(p[0]), "output"), fd: p[0], done: make(chan struct{})}
	go o.follow(o.read)
	return o, os.NewFile(uintptr(p[1]), "output"), nil
}

// adopt reads from f, a non-blocking reading end, in place of the pipe that was
// made here and that nobody has.
func (o *output) adopt(f *os.File) {
	fd := -1
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(n uintptr) { fd = int(n) })
	}
	o.mu.Lock()
	before := o.read
	o.read, o.fd = f, fd
	o.mu.Unlock()
	_ = before.Close()
	go o.follow(f)
}

// follow reads until every writer has gone, or another file is read.
func (o *output) follow(f *os.File) {
	if raw, err := f.SyscallConn(); err == nil {
		for ended := false; !ended; {
			err := raw.Read(func(uintptr) bool {
				o.mu.Lock()
				defer o.mu.Unlock()
				if o.read != f {
					ended = true
					return true
				}
				var more bool
				ended, more = o.drain()
				return ended || more
			})
			ended = ended || err != nil
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = f.Close()
	if o.read != f {
		return
	}
	o.flushPartial()
	o.fd = -1
	close(o.done)
}

// drain reads until there is nothing, and not less: the kernel tells follow
// only once of what it has not read yet, the end included. more says that
// maxDrain was reached. The caller holds mu.
func (o *output) drain() (ended, more bool) {
	if o.fd < 0 {
		return true, false
	}
	buf := drainBuffers.Get().(*[32 << 10]byte)
	defer drainBuffers.Put(buf)
	for total := 0; total < maxDrain; {
		n, err := unix.Read(o.fd, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return false, false
		case n <= 0:
			return true, false
		default:
			total += n
			o.lines(time.Now(), buf[:n])
		}
	}
	return false, true
}

var drainBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// lines cuts bytes into events.
func (o *output) lines(now time.Time, p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			o.partial = append(o.partial, p...)
			o.cutLongLine(now)
			return
		}
		o.line(now, p[:i+1])
		p = p[i+1:]
	}
}

// cutLongLine passes on the beginning of a line that is longer than an event
// may be. It waits until no secret can lie across the cut.
func (o *output) cutLongLine(now time.Time) {
	if len(o.partial) <= maxLine+o.secrets.Longest() {
		return
	}
	o.partial = append(o.partial[:0], o.secrets.Redact(o.partial)...)
	for len(o.partial) > maxLine {
		o.event(LogEvent{now, string(o.partial[:maxLine])})
		o.partial = append(o.partial[:0], o.partial[maxLine:]...)
	}
}

func (o *output) line(now time.Time, p []byte) {
	if len(o.partial) == 0 {
		o.event(LogEvent{now, string(o.secrets.Redact(p))})
		return
	}
	o.partial = append(o.partial, p...)
	o.wholeLine(now)
	o.partial = o.partial[:0]
}

// wholeLine passes on a line that was put together.
func (o *output) wholeLine(now time.Time) {
	text := o.secrets.Redact(o.partial)
	for len(text) > maxLine {
		o.event(LogEvent{now, string(text[:maxLine])})
		text = text[maxLine:]
	}
	o.event(LogEvent{now, string(text)})
}

func (o *output) flushPartial() {
	if len(o.partial) > 0 {
		o.wholeLine(time.Now())
		o.partial = nil
	}
}

// event passes one on. CloudWatch Logs refuses a batch that is not in the order
// of its times, and the clock can be set back, or have been read by whoever
// waited for mu: such an event has the time of the one before it.
func (o *output) event(e LogEvent) {
	if e.Time.UnixMilli() < o.last {
		e.Time = time.UnixMilli(o.last)
	}
	o.last = e.Time.UnixMilli()
	o.emit(e)
	if o.tail != nil {
		o.tail.add(e.Message)
	}
}

// say writes lines of the platform's own, after everything that the function
// wrote until now.
func (o *output) say(now time.Time, lines ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.write(now, lines)
}

// write is say for who holds mu.
func (o *output) write(now time.Time, lines []string) {
	o.drain()
	o.flushPartial()
	for _, l := range lines {
		o.event(LogEvent{now, l})
	}
}

// begin writes the first line of an invocation and, from that line on, keeps a
// tail when it is asked for.
func (o *output) begin(now time.Time, line string, t *tail) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = t
	o.event(LogEvent{now, line})
}

// end writes the last lines of an invocation and gives up its tail, in one step:
// the next invocation may begin at any moment, with a tail of its own.
func (o *output) end(now time.Time, lines ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.write(now, lines)
	o.tail = nil
}

// tail keeps the last MaxTail bytes that were added.
type tail struct{ b []byte }

func (t *tail) add(s string) {
	if len(s) >= MaxTail {
		t.b = append(t.b[:0], s[len(s)-MaxTail:]...)
		return
	}
	if over := len(t.b) + len(s) - MaxTail; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	t.b = append(t.b, s...)
}
