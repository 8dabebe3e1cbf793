package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"sync"

	"cloister/internal/seal"
)

// Dir keeps blobs as files: each one under a folder named by the first two
// digits of its id, and until it is whole under "tmp". A blob is sealed with
// its id as context, so no file can take another's place.
//
// The sequence of Put is: write under tmp, fsync the file, rename, fsync the
// folder. A crash leaves a file under tmp, which Clean removes, or a whole
// blob that nobody was told of. One process at a time may have a Dir open.
type Dir struct {
	fs   fileSystem
	dir  string
	keys *seal.Keyring

	mu      sync.Mutex          // guards writing
	writing map[string]struct{} // names under tmp of Puts that are under way
}

var _ Store = (*Dir)(nil)

const tmpDir = "tmp"

// OpenDir opens the blobs in dir, and makes the folders where they are missing.
func OpenDir(dir string, keys *seal.Keyring) (*Dir, error) { return openDir(disk{}, dir, keys) }

func openDir(fs fileSystem, dir string, keys *seal.Keyring) (*Dir, error) {
	d := &Dir{fs: fs, dir: dir, keys: keys, writing: map[string]struct{}{}}
	if err := d.makeFolders(); err != nil {
		return nil, fmt.Errorf("make the folders for blobs: %w", err)
	}
	return d, nil
}

// makeFolders makes all of them at once and makes them durable, so that a Put
// need only care for its own file's name.
func (d *Dir) makeFolders() error {
	for _, folder := range folders() {
		if err := d.fs.MkdirAll(filepath.Join(d.dir, folder)); err != nil {
			return err
		}
	}
	return errors.Join(d.fs.SyncDir(d.dir), d.fs.SyncDir(filepath.Dir(d.dir)))
}

// folders are all that a Dir has: tmp, then 00 to ff.
func folders() []string {
	names := []string{tmpDir}
	for i := range 256 {
		names = append(names, fmt.Sprintf("%02x", i))
	}
	return names
}

func (d *Dir) folder(id string) string { return filepath.Join(d.dir, id[:2]) }
func (d *Dir) path(id string) string   { return filepath.Join(d.folder(id), id) }

// Put implements Store.
func (d *Dir) Put(ctx context.Context, id string, r io.Reader) (int64, error) {
	if err := checkID(id); err != nil {
		return 0, err
	}
	size, err := d.put(id, &contextReader{ctx, r})
	if err != nil {
		return 0, fmt.Errorf("put blob %s: %w", id, err)
	}
	return size, nil
}

func (d *Dir) put(id string, r io.Reader) (int64, error) {
	name := d.begin(id)
	defer d.end(name)
	tmp := filepath.Join(d.dir, tmpDir, name)
	size, err := d.write(tmp, id, r)
	if err != nil {
		_ = d.fs.Remove(tmp) // else Clean will
		return 0, err
	}
	if err := d.fs.Rename(tmp, d.path(id)); err != nil {
		_ = d.fs.Remove(tmp)
		return 0, err
	}
	return size, d.fs.SyncDir(d.folder(id))
}

// begin names a file under tmp and keeps Clean away from it.
func (d *Dir) begin(id string) string {
	name := id + "-" + NewID()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writing[name] = struct{}{}
	return name
}

func (d *Dir) end(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.writing, name)
}

// write seals all of r into a new file that is durable but for its name.
func (d *Dir) write(path, id string, r io.Reader) (int64, error) {
	f, err := d.fs.Create(path)
	if err != nil {
		return 0, err
	}
	w := d.keys.NewSegmentWriter(f, sealContext(id))
	size, err := io.Copy(w, r)
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = f.Sync()
	}
	return size, errors.Join(err, f.Close())
}

func sealContext(id string) []byte { return []byte("blob/" + id) }

// Open implements Store.
func (d *Dir) Open(_ context.Context, id string) (*Reader, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	f, err := d.fs.Open(d.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open blob %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", id, err)
	}
	r, err := d.unseal(f, id)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open blob %s: %w", id, err)
	}
	return &Reader{SegmentReader: r, file: f}, nil
}

func (d *Dir) unseal(f readFile, id string) (*seal.SegmentReader, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	return d.keys.NewSegmentReader(f, size, sealContext(id))
}

// Delete implements Store.
func (d *Dir) Delete(_ context.Context, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	err := d.fs.Remove(d.path(id))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		// Also when it is gone already: perhaps nobody has synced that yet.
		err = d.fs.SyncDir(d.folder(id))
	}
	if err != nil {
		return fmt.Errorf("delete blob %s: %w", id, err)
	}
	return nil
}

// List implements Store.
func (d *Dir) List(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, folder := range folders()[1:] {
			names, err := d.fs.ReadDir(filepath.Join(d.dir, folder))
			if err = errors.Join(err, ctx.Err()); err != nil {
				yield("", fmt.Errorf("list blobs: %w", err))
				return
			}
			for _, name := range names {
				if belongs(name, folder) && !yield(name, nil) {
					return
				}
			}
		}
	}
}

func belongs(name, folder string) bool { return validID(name) && name[:2] == folder }

// contextReader stops reading when the context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
