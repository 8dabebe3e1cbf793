package codepkg

import "context"

// Cache holds unpacked packages in a directory in memory, named by content.
// It is safe for concurrent use.
type Cache struct{}

// CacheOptions are a cache's bounds.
type CacheOptions struct {
	// MaxBytes is when packages that no cell uses are dropped, least recently
	// used first. 0: 2 GB.
	MaxBytes int64
	// AllowDisk admits a directory that is not held in memory. It is for tests
	// only: nothing unsealed may rest on a disk.
	AllowDisk bool
}

// OpenCache takes over dir, which must be on tmpfs or ramfs, and wipes it.
func OpenCache(dir string, o CacheOptions) (*Cache, error) { panic("skeleton") }

// Ref keeps a directory of the cache in place until it is released.
type Ref struct{ Dir string }

// Release lets the cache drop the directory. It may be called once.
func (r *Ref) Release() {}

// Acquire gives the unpacked package, unpacking it first when the cache does
// not hold it; concurrent callers share one unpacking.
func (c *Cache) Acquire(ctx context.Context, id string, open Source) (*Ref, error) {
	panic("skeleton")
}

// AcquireMerged gives the union of several packages, later ones over earlier
// ones: the /opt of a function with layers.
func (c *Cache) AcquireMerged(ctx context.Context, ids []string, open Source) (*Ref, error) {
	panic("skeleton")
}
