package codepkg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Cache holds unpacked packages in a directory in memory, named by content.
// It is safe for concurrent use.
type Cache struct {
	dir string
	max int64

	mu      sync.Mutex
	entries map[string]*cached
	bytes   int64  // of all entries
	clock   uint64 // counts uses, for the order of eviction
}

// cached is one directory. ready and what Acquire waits for aside, the fields
// are the cache's mu's.
type cached struct {
	ready chan struct{} // closed when stats and err are set
	stats Stats
	err   error
	refs  int
	used  uint64
	bytes int64 // of memory, counted in the cache's
}

// CacheOptions are a cache's bounds.
type CacheOptions struct {
	// MaxBytes is how much memory the packages may take: whole pages, and a
	// kilobyte for each file. Packages that no cell uses make room, least
	// recently used first; when that is not enough, Acquire fails with a
	// *FullError. It is never more than the file system holds. 0: 2 GB.
	MaxBytes int64
	// AllowDisk admits a directory that is not held in memory. It is for tests
	// only: nothing unsealed may rest on a disk.
	AllowDisk bool
}

// FullError says that the packages in use leave no room for another.
type FullError struct{ Need, Max int64 }

func (e *FullError) Error() string {
	return fmt.Sprintf("no room for %d bytes of code: the functions that run now use the rest of %d bytes; stop some or give the node more memory for code", e.Need, e.Max)
}

// OpenCache takes over dir, which must be held in memory (see MountMemory),
// and wipes it. One cache owns a directory.
func OpenCache(dir string, o CacheOptions) (*Cache, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 2 << 30
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if ok, err := inMemory(dir); err != nil {
		return nil, err
	} else if !ok && !o.AllowDisk {
		return nil, fmt.Errorf("refuse the code cache %s: %w; mount a tmpfs there", dir, errNotMemory)
	}
	room, err := capacity(dir)
	if err != nil {
		return nil, err
	}
	c := &Cache{dir: dir, max: min(o.MaxBytes, room), entries: map[string]*cached{}}
	return c, c.Wipe()
}

// Wipe removes everything. No Ref may be in use.
func (c *Cache) Wipe() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	names, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := os.RemoveAll(filepath.Join(c.dir, n.Name())); err != nil {
			return err
		}
	}
	c.entries, c.bytes = map[string]*cached{}, 0
	return nil
}

// Ref keeps a directory of the cache in place until it is released.
type Ref struct {
	Dir   string
	Stats Stats

	cache *Cache
	entry *cached
	once  sync.Once
}

// Release lets the cache drop the directory. Further calls do nothing.
func (r *Ref) Release() {
	r.once.Do(func() {
		r.cache.mu.Lock()
		defer r.cache.mu.Unlock()
		r.entry.refs--
	})
}

var validID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// Acquire gives the unpacked package, unpacking it first when the cache does
// not hold it; concurrent callers share one unpacking, which ctx of the first
// bounds. The id names the content: the same id always means the same archive.
// A package that is not acceptable is an *Error.
func (c *Cache) Acquire(ctx context.Context, id string, open Source) (*Ref, error) {
	if !validID.MatchString(id) {
		return nil, fmt.Errorf("%q cannot name a package", id)
	}
	return c.acquire(ctx, id, func(dir string, reserve func(int64) error) (Stats, error) {
		a, err := open(ctx, id)
		if err != nil {
			return Stats{}, err
		}
		defer a.Close() //nolint:errcheck // only read
		_, st, err := list(a, a.Size(), Limits{}.withDefaults())
		if err != nil {
			return Stats{}, err
		}
		if err := reserve(st.memory); err != nil {
			return Stats{}, err
		}
		return Unpack(a, a.Size(), dir, Limits{})
	})
}

// AcquireMerged gives the union of several packages, later ones over earlier
// ones: the /opt of a function with layers. Files are shared with the packages
// of the layers, which need not be kept for it.
func (c *Cache) AcquireMerged(ctx context.Context, ids []string, open Source) (*Ref, error) {
	if len(ids) == 1 {
		return c.Acquire(ctx, ids[0], open)
	}
	sum := sha256.Sum256([]byte(strings.Join(ids, "\n")))
	return c.acquire(ctx, "merged."+hex.EncodeToString(sum[:]), func(dir string, reserve func(int64) error) (Stats, error) {
		return c.merge(ctx, dir, ids, open, reserve)
	})
}

// fill makes the contents of an entry. It calls reserve with the bytes of
// memory it needs more, before it uses them.
type fill func(dir string, reserve func(int64) error) (Stats, error)

func (c *Cache) acquire(ctx context.Context, name string, make fill) (*Ref, error) {
	for {
		e, mine := c.claim(name)
		if mine {
			c.fill(name, e, make)
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			c.drop(e)
			return nil, ctx.Err()
		}
		if e.err == nil {
			return &Ref{Dir: filepath.Join(c.dir, name), Stats: e.stats, cache: c, entry: e}, nil
		}
		c.drop(e)
		if mine || ctx.Err() != nil || !transient(e.err) {
			return nil, e.err
		}
	}
}

// transient says that a failure was the first caller's own, not the package's.
func transient(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// claim takes a reference; mine means that the caller has to fill the entry.
func (c *Cache) claim(name string) (e *cached, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e = c.entries[name]
	if e == nil {
		e, mine = &cached{ready: make(chan struct{})}, true
		c.entries[name] = e
	}
	e.refs++
	c.clock++
	e.used = c.clock
	return e, mine
}

func (c *Cache) drop(e *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.refs--
}

// fill makes room for as long as the file system has none, though it should
// have: others may use it or its memory.
func (c *Cache) fill(name string, e *cached, make fill) {
	e.stats, e.err = c.tryFill(name, e, make)
	for errors.Is(e.err, unix.ENOSPC) {
		evicted, err := c.evict()
		if err == nil && !evicted {
			err = &FullError{c.forget(e), c.max}
		}
		if err != nil {
			e.err = err
			break
		}
		c.forget(e)
		e.stats, e.err = c.tryFill(name, e, make)
	}
	if e.err != nil {
		c.abandon(name, e)
	}
	close(e.ready)
}

// tryFill unpacks beside and renames, so that a name never shows half a package.
func (c *Cache) tryFill(name string, e *cached, make fill) (Stats, error) {
	dir := filepath.Join(c.dir, "tmp."+name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return Stats{}, err
	}
	st, err := make(dir, func(n int64) error { return c.reserve(e, n) })
	if err == nil {
		err = os.Rename(dir, filepath.Join(c.dir, name))
	}
	if err != nil {
		_ = os.RemoveAll(dir)
	}
	return st, err
}

// abandon takes an entry that could not be filled off the books.
func (c *Cache) abandon(name string, e *cached) {
	c.forget(e)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, name)
}

// forget gives back what was reserved for an entry, and says how much it was.
func (c *Cache) forget(e *cached) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := e.bytes
	c.bytes -= n
	e.bytes = 0
	return n
}

// reserve makes room for an entry's bytes.
func (c *Cache) reserve(e *cached, n int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.bytes+n > c.max {
		evicted, err := c.evictOldest()
		if err != nil {
			return err
		}
		if !evicted {
			return &FullError{n, c.max}
		}
	}
	c.bytes += n
	e.bytes += n
	return nil
}

func (c *Cache) evict() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.evictOldest()
}

// evictOldest removes the package that was used least recently of those that no
// cell uses; false: there is none. It is called with mu held.
func (c *Cache) evictOldest() (bool, error) {
	name, old := c.oldest()
	if old == nil {
		return false, nil
	}
	c.bytes -= old.bytes
	delete(c.entries, name)
	return true, os.RemoveAll(filepath.Join(c.dir, name))
}

func (c *Cache) oldest() (string, *cached) {
	var name string
	var old *cached
	for n, e := range c.entries {
		if e.refs == 0 && (old == nil || e.used < old.used) {
			name, old = n, e
		}
	}
	return name, old
}
