package child

import (
	"sync"
	"syscall"
)

// epollOneShot is EPOLLONESHOT: one event says all.
const epollOneShot = 1 << 30

// oomWatch ends cells that reached their memory limit where the kernel ends one
// process of the cell only.
type oomWatch struct {
	epoll int
	kill  func(id uint64)

	mu    sync.Mutex
	files map[uint64]int // event files by cell
}

func newOOMWatch(kill func(id uint64)) (*oomWatch, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	w := &oomWatch{epoll: epoll, kill: kill, files: map[uint64]int{}}
	go w.run()
	return w, nil
}

// add watches an event file for a cell, and owns it from here.
func (w *oomWatch) add(id uint64, file int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files[id] = file
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN | epollOneShot, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	return syscall.EpollCtl(w.epoll, syscall.EPOLL_CTL_ADD, file, &ev)
}

// forget closes the file of a cell that ended.
func (w *oomWatch) forget(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if file, ok := w.files[id]; ok {
		delete(w.files, id)
		syscall.Close(file)
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
			w.kill(uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32)
		}
	}
}
