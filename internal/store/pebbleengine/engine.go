// Package pebbleengine is the embedded storage engine: one directory, one
// process, one writer at a time, and nothing acknowledged or shown that a
// crash could take back.
//
// A transaction is applied to pebble's log and memory while the writer's lock
// is held, and the lock is given on before the log reaches the disk, so that
// the transactions of many goroutines share one fsync. One goroutine waits for
// the log, transaction by transaction; only when one is durable does it become
// what readers see, is its event delivered, and is Update told.
//
// Known limits: the directory must be on a file system whose fsync tells the
// truth. After a write or fsync that failed the engine answers nothing more and
// changes nothing more, because nobody knows what a second fsync would leave
// behind; a new process that opens the directory recovers what is there. Where
// pebble finds its own state inconsistent, the process exits.
package pebbleengine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"

	"cloister/internal/seal"
	"cloister/internal/store"
)

// Engine is a store.Engine in a directory.
type Engine struct {
	db      *pebble.DB
	lock    *pebble.Lock
	writer  chan struct{} // holds one token while nobody writes
	queue   chan *commit  // applied, not yet known to be durable, in order
	drained chan struct{} // closed when the publisher has ended

	// last is the newest commit there is; the holder of writer owns it.
	last *commit

	// follow is set once before the first Update; the publisher calls it.
	follow func(store.Event) error

	shown struct {
		sync.Mutex
		*snapshot // what readers get: everything known to be durable
	}

	failure  atomic.Pointer[error] // why nothing is answered any more
	poisoned chan struct{}         // closed when failure is set
	opened   atomic.Bool           // from here on errors of the disk are final
}

var _ store.Engine = (*Engine)(nil)

// Open opens the engine in dir, which it makes if need be. Only one process
// can have a directory open.
func Open(dir string, keys *seal.Keyring) (*Engine, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the store's directory: %w", err)
	}
	return open(vfs.Default, dir, keys)
}

// filesPurpose derives the key of the files.
const filesPurpose = "store files"

func open(fs vfs.FS, dir string, keys *seal.Keyring) (*Engine, error) {
	lock, err := pebble.LockDirectory(dir, fs)
	if err != nil {
		return nil, lockError(dir, err)
	}
	e := &Engine{
		lock:     lock,
		writer:   make(chan struct{}, 1),
		queue:    make(chan *commit, 256),
		drained:  make(chan struct{}),
		last:     durable(),
		poisoned: make(chan struct{}),
	}
	if err := e.openPebble(cryptFS{guardFS{fs, e}, keys.Derive(filesPurpose, 32)}, dir); err != nil {
		return nil, fmt.Errorf("opening the store in %s: %w", dir, errors.Join(err, lock.Close()))
	}
	e.shown.snapshot = e.newSnapshot()
	go e.publish()
	e.writer <- struct{}{}
	return e, nil
}

// openPebble turns what pebble panics with, on some errors of the disk, into
// an error as well.
func (e *Engine) openPebble(fs vfs.FS, dir string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	e.db, err = pebble.Open(dir, e.options(fs))
	e.opened.Store(err == nil)
	return err
}

func lockError(dir string, err error) error {
	if errors.Is(err, unix.EAGAIN) || strings.Contains(err.Error(), "held by current process") {
		return fmt.Errorf("the store in %s is in use by a running node; stop that one or choose another directory: %w", dir, err)
	}
	return fmt.Errorf("locking the store in %s: %w", dir, err)
}

// View implements store.Engine.
func (e *Engine) View(ctx context.Context, fn func(store.EngineReader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := e.show()
	defer e.release(s)
	return fn(reader{s})
}

// Update implements store.Engine.
func (e *Engine) Update(ctx context.Context, fn func(store.EngineTx) error) error {
	c, err := e.apply(ctx, fn)
	if c == nil {
		return err
	}
	// Also what fn only read, and failed for, may not be durable yet.
	if failed := e.await(c); failed != nil {
		return failed
	}
	return err
}

// apply runs fn and applies what it wrote. It returns the commit to wait for,
// nil when nothing was read.
func (e *Engine) apply(ctx context.Context, fn func(store.EngineTx) error) (*commit, error) {
	if err := e.acquire(ctx); err != nil {
		return nil, err
	}
	defer func() { e.writer <- struct{}{} }()
	t := &tx{reader: reader{e.db.NewIndexedBatch()}}
	err := fn(t)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil || t.batch().Empty() {
		_ = t.batch().Close() // nothing of it is wanted
		return e.last, err
	}
	return e.commit(t)
}

// acquire takes the writer's token.
func (e *Engine) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-e.poisoned:
		return e.Healthy()
	case <-e.writer:
	}
	if err := e.Healthy(); err != nil {
		e.writer <- struct{}{}
		return err
	}
	return nil
}

// Follow implements store.Engine.
func (e *Engine) Follow(fn func(store.Event) error) { e.follow = fn }

// Shared implements store.Engine: the directory is locked.
func (e *Engine) Shared() bool { return false }

// Healthy implements store.Engine: once a write has failed it stays so.
func (e *Engine) Healthy() error {
	if err := e.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Check implements store.Engine.
func (e *Engine) Check(context.Context) error { return e.db.CheckLevels(nil) }

// Close implements store.Engine. After a failure the directory stays locked
// until the process ends.
func (e *Engine) Close() error {
	if err := e.acquire(context.Background()); err != nil {
		return err
	}
	close(e.queue)
	closed := make(chan error, 1)
	go func() {
		<-e.drained
		e.release(e.shown.snapshot)
		closed <- errors.Join(e.db.Close(), e.lock.Close())
	}()
	select {
	case err := <-closed:
		return err
	case <-e.poisoned:
		return e.Healthy()
	}
}

// poison makes the engine answer nothing any more.
func (e *Engine) poison(err error) {
	err = fmt.Errorf("a write to the store's disk failed; mend the disk and start again: %w", err)
	if e.failure.CompareAndSwap(nil, &err) {
		close(e.poisoned)
	}
}
