package cell

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"cloister/internal/cell/child"

	"golang.org/x/sys/unix"
)

// spawner is the node's side of the process that clones cells.
type spawner struct {
	pid    int
	conn   *net.UnixConn
	exited chan struct{} // closed when the process has ended and all cells with it

	mu     sync.Mutex
	next   uint64
	cells  map[uint64]*Cell
	report chan *child.Event // where the answer to a probe goes
}

// startSpawner executes this binary as the spawner: in a session of its own, so
// that what a terminal sends to the node does not end it, and with no
// environment, since the node's holds secrets.
func startSpawner(opts HostOptions) (*spawner, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make the spawner's socket: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "spawner")
	defer theirs.Close()
	conn, err := unixConn(pair[0])
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        []string{child.SpawnerName, strconv.FormatInt(opts.MemoryBytes, 10)},
		Env:         []string{"GOMAXPROCS=4"},
		Dir:         "/",
		Stderr:      os.Stderr, // for a panic
		ExtraFiles:  []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("start the spawner of cells: %w", err)
	}
	sp := &spawner{pid: cmd.Process.Pid, conn: conn, exited: make(chan struct{}), cells: map[uint64]*Cell{}, report: make(chan *child.Event, 1)}
	go sp.listen(cmd)
	return sp, nil
}

func unixConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "spawner")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("use the spawner's socket: %w", err)
	}
	return conn.(*net.UnixConn), nil
}

// listen hears the spawner out until it ends; every cell ends with it.
func (sp *spawner) listen(cmd *exec.Cmd) {
	buf := make([]byte, 16<<10)
	oob := make([]byte, unix.CmsgSpace(4*(maxListen+2)))
	for {
		ev, files, err := sp.receive(buf, oob)
		if err != nil {
			break
		}
		sp.hear(ev, files)
	}
	sp.conn.Close()
	cmd.Wait()
	sp.mu.Lock()
	cells := sp.cells
	sp.cells = nil
	sp.mu.Unlock()
	for _, c := range cells {
		c.markKilled()
		c.end(&child.Event{})
	}
	close(sp.exited)
}

func (sp *spawner) receive(buf, oob []byte) (*child.Event, []int, error) {
	n, oobn, _, _, err := sp.conn.ReadMsgUnix(buf, oob)
	if err != nil {
		return nil, nil, err
	}
	if n == 0 {
		return nil, nil, net.ErrClosed
	}
	var files []int
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	for i := range msgs {
		more, _ := unix.ParseUnixRights(&msgs[i])
		files = append(files, more...)
	}
	var ev *child.Event
	if err == nil {
		ev, err = child.ParseEvent(buf[:n])
	}
	if err != nil {
		closeFiles(files)
	}
	return ev, files, err
}

// hear acts on one event.
func (sp *spawner) hear(ev *child.Event, files []int) {
	if ev.Kind == child.EventReport {
		select {
		case sp.report <- ev:
		default:
		}
		return
	}
	c := sp.cell(ev)
	switch {
	case c == nil:
		closeFiles(files)
	case ev.Kind == child.EventExited:
		c.end(ev)
	case ev.Failure != nil:
		closeFiles(files)
		c.started <- ev.Failure
		c.end(&child.Event{})
	case ev.Kind == child.EventBooted:
		closeFiles(files)
		close(c.booted)
	default:
		c.adopt(ev, files)
		c.started <- nil
	}
}

// cell finds the one an event is about, and takes it off the list when the event
// is its last.
func (sp *spawner) cell(ev *child.Event) *Cell {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	c := sp.cells[ev.ID]
	if ev.Kind == child.EventExited || ev.Failure != nil {
		delete(sp.cells, ev.ID)
	}
	return c
}

// errSpawner says that the spawner ended by itself.
var errSpawner = errors.New("the process that starts cells has ended; the next start brings it back")

// order sends an order and files with it.
func (sp *spawner) order(o *child.Order, files ...int) error {
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	if _, _, err := sp.conn.WriteMsgUnix(o.Marshal(), rights, nil); err != nil {
		return fmt.Errorf("%w (%w)", errSpawner, err)
	}
	return nil
}

// make has an empty cell made and does not wait for it.
func (sp *spawner) make() (*Cell, error) {
	c, err := sp.add()
	if err != nil {
		return nil, err
	}
	return c, sp.order(&child.Order{Op: child.OpMake, ID: c.id})
}

// add enters a cell that is about to be made.
func (sp *spawner) add() (*Cell, error) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.cells == nil {
		return nil, errSpawner
	}
	sp.next++
	c := newCell(sp, sp.next)
	sp.cells[c.id] = c
	return c, nil
}

// probe asks for the layers. It is called once.
func (sp *spawner) probe() (*child.Event, error) {
	sp.mu.Lock()
	sp.next++
	id := sp.next
	sp.mu.Unlock()
	if err := sp.order(&child.Order{Op: child.OpProbe, ID: id, Filter: program()}); err != nil {
		return nil, err
	}
	select {
	case ev := <-sp.report:
		return ev, nil
	case <-sp.exited:
		return nil, errSpawner
	}
}

// gone says whether the process has ended.
func (sp *spawner) gone() bool {
	select {
	case <-sp.exited:
		return true
	default:
		return false
	}
}

// close tells the spawner, by end-of-file, to end every cell and itself, and
// waits for that.
func (sp *spawner) close() error {
	if err := sp.conn.CloseWrite(); err != nil && !sp.gone() {
		return fmt.Errorf("end the spawner of cells: %w", err)
	}
	select {
	case <-sp.exited:
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("the spawner of cells did not end within 10 seconds; look for processes named " + child.SpawnerName)
	}
}
