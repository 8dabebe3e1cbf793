package child

import (
	"sync"

	"golang.org/x/sys/unix"
)

// oomWatch ends cells that reached their memory limit where the kernel ends one
// process of the cell only.
type oomWatch struct {
	epoll int
	kill  func(id uint64)

	mu    sync.Mutex
	files map[uint64]int // event files by cell
}

func newOOMWatch(kill func(id uint64)) (*oomWatch, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
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
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	return unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, file, &ev)
}

// forget closes the file of a cell that ended.
func (w *oomWatch) forget(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if file, ok := w.files[id]; ok {
		delete(w.files, id)
		unix.Close(file)
	}
}

func (w *oomWatch) run() {
	events := make([]unix.EpollEvent, 16)
	for {
		n, err := unix.EpollWait(w.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return
		}
		for _, ev := range events[:max(n, 0)] {
			w.kill(uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32)
		}
	}
}
