package audit

import "sync"

// bell wakes all who wait for the log to grow. It costs nothing while nobody does.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait is closed by the next ring.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
