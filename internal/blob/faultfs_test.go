package blob

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

// faultFS keeps files in memory and knows what a power cut would leave: the
// data that was synced, under the names whose folder was synced. It can fail
// or stop dead at any operation. Folders always exist.
type faultFS struct {
	mu      sync.Mutex // guards all that follows, and the files
	now     map[string]*memFile
	durable map[string]*memFile
	ops     int
	failAt  int // number of the operation to fail, 0 for none
	effect  effect
	dead    bool // every further operation fails: the process is gone
}

// effect is what an operation that fails has done.
type effect int

const (
	failedWithoutEffect effect = iota
	failedButPersisted
	killedBefore
	killedAfter
)

var errInjected = errors.New("injected fault")

type memFile struct {
	data   []byte
	synced int // bytes that are durable
}

func newFaultFS() *faultFS {
	return &faultFS{now: map[string]*memFile{}, durable: map[string]*memFile{}}
}

// do runs one operation, or what the injected fault leaves of it.
func (f *faultFS) do(operation func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return errInjected
	}
	f.ops++
	if f.ops != f.failAt {
		return operation()
	}
	if f.effect == failedButPersisted || f.effect == killedAfter {
		_ = operation()
	}
	f.dead = f.effect == killedBefore || f.effect == killedAfter
	return errInjected
}

// powerCut returns the disk as it is found afterwards. What was not synced may
// be there or not: keep decides, for each.
func (f *faultFS) powerCut(keep func() bool) *faultFS {
	f.mu.Lock()
	defer f.mu.Unlock()
	after := newFaultFS()
	names := map[string]bool{}
	for name := range f.now {
		names[name] = true
	}
	for name := range f.durable {
		names[name] = true
	}
	for _, name := range sortedNames(names) {
		file := f.durable[name]
		if f.now[name] != file && keep() {
			file = f.now[name]
		}
		if file == nil {
			continue
		}
		data := file.data
		if file.synced < len(data) && !keep() {
			data = data[:file.synced]
		}
		after.now[name] = &memFile{bytes.Clone(data), len(data)}
		after.durable[name] = after.now[name]
	}
	return after
}

func sortedNames(names map[string]bool) []string {
	var sorted []string
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	return sorted
}

func (f *faultFS) MkdirAll(string) error { return nil }

func (f *faultFS) Create(name string) (writeFile, error) {
	file := &memFile{}
	err := f.do(func() error {
		if f.now[name] != nil {
			return fs.ErrExist
		}
		f.now[name] = file
		return nil
	})
	return &memWriter{f, file}, err
}

func (f *faultFS) Open(name string) (readFile, error) {
	var r readFile
	err := f.do(func() error {
		file := f.now[name]
		if file == nil {
			return fs.ErrNotExist
		}
		r = memReader{bytes.NewReader(file.data)}
		return nil
	})
	return r, err
}

func (f *faultFS) Rename(from, to string) error {
	return f.do(func() error {
		if f.now[from] == nil {
			return fs.ErrNotExist
		}
		f.now[to] = f.now[from]
		delete(f.now, from)
		return nil
	})
}

func (f *faultFS) Remove(name string) error {
	return f.do(func() error {
		if f.now[name] == nil {
			return fs.ErrNotExist
		}
		delete(f.now, name)
		return nil
	})
}

func (f *faultFS) SyncDir(dir string) error {
	return f.do(func() error {
		for _, names := range []map[string]*memFile{f.now, f.durable} {
			for name := range names {
				if path.Dir(name) != dir {
					continue
				}
				if f.now[name] == nil {
					delete(f.durable, name)
				} else {
					f.durable[name] = f.now[name]
				}
			}
		}
		return nil
	})
}

func (f *faultFS) ReadDir(dir string) (names []string, err error) {
	err = f.do(func() error {
		for name := range f.now {
			if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
				names = append(names, rest)
			}
		}
		slices.Sort(names)
		return nil
	})
	return names, err
}

type memWriter struct {
	fs   *faultFS
	file *memFile
}

func (w *memWriter) Write(p []byte) (n int, err error) {
	err = w.fs.do(func() error {
		w.file.data = append(w.file.data, p...)
		n = len(p)
		return nil
	})
	return n, err
}

func (w *memWriter) Sync() error {
	return w.fs.do(func() error {
		w.file.synced = len(w.file.data)
		return nil
	})
}

func (w *memWriter) Close() error { return w.fs.do(func() error { return nil }) }

type memReader struct{ *bytes.Reader }

func (m memReader) Size() (int64, error) { return m.Reader.Size(), nil }
func (m memReader) Close() error         { return nil }
