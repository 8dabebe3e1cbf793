package child

import (
	"sync"
	"syscall"
	"time"
)

// epollOneShot is EPOLLONESHOT: one event says all.
const epollOneShot = 1 << 30

// oomWatch ends cells of which the kernel ended one process for want of memory,
// where it does not end the whole cell.
type oomWatch struct {
	epoll int
	kill  func(id uint64)

	mu    sync.Mutex
	cells map[uint64]oomFile
}

// oomFile is what is watched of one cell. The kernel calls every cell when all
// of them together are at their limit, and shortly before it chooses a process:
// so hit tells whether it was one of this cell's.
type oomFile struct {
	event int
	hit   func() bool
}

func newOOMWatch(kill func(id uint64)) (*oomWatch, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	w := &oomWatch{epoll: epoll, kill: kill, cells: map[uint64]oomFile{}}
	go w.run()
	return w, nil
}

// add watches an event file for a cell, and owns it from here.
func (w *oomWatch) add(id uint64, event int, hit func() bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cells[id] = oomFile{event, hit}
	return w.arm(syscall.EPOLL_CTL_ADD, id, event)
}

func (w *oomWatch) arm(op int, id uint64, event int) error {
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN | epollOneShot, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	return syscall.EpollCtl(w.epoll, op, event, &ev)
}

// forget closes the file of a cell that ended.
func (w *oomWatch) forget(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.cells[id]; ok {
		delete(w.cells, id)
		syscall.Close(c.event)
	}
}

func (w *oomWatch) run() {
	events := make([]syscall.EpollEvent, 16)
	for {
		n, err := syscall.EpollWait(w.epoll, events, -1)
		if err != nil && err != syscall.EINTR {
			return
		}
		for _, ev := range events[:max(n, 0)] {
			go w.settle(uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32)
		}
	}
}

// settle ends a cell that was called if it was hit, and watches on if it was
// not. Events that come meanwhile are kept by the event file until then.
func (w *oomWatch) settle(id uint64) {
	hit := w.heard(id)
	for wait := time.Millisecond; wait < time.Second && hit != nil; wait *= 2 {
		if hit() {
			w.kill(id)
			return
		}
		time.Sleep(wait)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.cells[id]; ok {
		w.arm(syscall.EPOLL_CTL_MOD, id, c.event)
	}
}

// heard takes the event off its file; nil: the cell has ended.
func (w *oomWatch) heard(id uint64) func() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.cells[id]
	if !ok {
		return nil
	}
	var count [8]byte
	syscall.Read(c.event, count[:])
	return c.hit
}
