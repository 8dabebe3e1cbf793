package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"cloister/internal/service/lambda/runtimes"
	"cloister/internal/service/lambda/runtimes/ocilayout"
)

// runtimesDir holds the runtimes that an administrator added, each under its
// name: a link to a directory, or an unpacked image.
const runtimesDir = "runtimes"

// unpacking begins the names of images that are not complete yet.
const unpacking = ".unpacking-"

// AddedRuntime is what RegisterRuntime did.
type AddedRuntime struct {
	Name     string `json:"name"`
	Source   string `json:"source"`
	Unpacked bool   `json:"unpacked"` // an image was unpacked; else the directory is used where it is
	Entries  int    `json:"entries,omitempty"`
	Bytes    int64  `json:"bytes,omitempty"`
	Skipped  int    `json:"skipped,omitempty"` // entries of the image that cells must not have
}

// RegisterRuntime makes source known to the node on dir as the runtime name, in
// place of what had the name. An OCI image layout is unpacked; any other
// directory stays where it is and must be safe to use ([runtimes.Vet]). The
// node sees it when it is started next. progress, if not nil, gets the bytes
// unpacked so far.
func RegisterRuntime(ctx context.Context, dir, name, source string, progress func(bytes int64)) (*AddedRuntime, error) {
	if err := runtimes.CheckName(name); err != nil {
		return nil, err
	}
	source, err := sourceDir(source)
	if err != nil {
		return nil, err
	}
	r, err := openRuntimes(dir)
	if err != nil {
		return nil, err
	}
	defer r.close()
	added := &AddedRuntime{Name: name, Source: source, Unpacked: ocilayout.Is(source)}
	if !added.Unpacked {
		return added, r.link(name, source)
	}
	sum, err := r.unpack(ctx, name, source, progress)
	added.Entries, added.Bytes, added.Skipped = sum.Entries, sum.Bytes, sum.Skipped
	return added, err
}

// sourceDir is the directory itself, wherever links lead to it.
func sourceDir(source string) (string, error) {
	source, err := filepath.Abs(source)
	if err != nil {
		return "", err
	}
	if source, err = filepath.EvalSymlinks(source); err != nil {
		return "", err
	}
	if info, err := os.Stat(source); err != nil {
		return "", err
	} else if !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory: give one that looks like a root file system, one with an SDK, or an OCI image layout", source)
	}
	return source, nil
}

// RemoveRuntime forgets what was added as name, and removes it if it was
// unpacked. The directory behind a link is left alone.
func RemoveRuntime(dir, name string) error {
	if err := runtimes.CheckName(name); err != nil {
		return err
	}
	r, err := openRuntimes(dir)
	if err != nil {
		return err
	}
	defer r.close()
	if _, err := os.Lstat(r.path(name)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no runtime %s was added: cloister runtimes list tells which there are", name)
	}
	return r.drop(name)
}

// RegisteredRuntimes lists what RegisterRuntime made known. One whose directory
// has gone is listed, too: whoever uses it says so.
func RegisteredRuntimes(dir string) ([]runtimes.Registration, error) {
	entries, err := os.ReadDir(filepath.Join(dir, runtimesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []runtimes.Registration
	for _, entry := range entries {
		if runtimes.CheckName(entry.Name()) != nil {
			continue // the lock, or an image that never became complete
		}
		at := filepath.Join(dir, runtimesDir, entry.Name())
		if target, err := filepath.EvalSymlinks(at); err == nil {
			at = target
		} else if target, err := os.Readlink(at); err == nil {
			at = target
		}
		found = append(found, runtimes.Registration{Name: entry.Name(), Dir: at})
	}
	return found, nil
}

// runtimeStore is the directory of added runtimes, with its lock held.
type runtimeStore struct {
	data string // the node's directory
	dir  string
	lock *os.File
}

// openRuntimes waits for others that add and removes what they left unfinished.
func openRuntimes(data string) (*runtimeStore, error) {
	data, err := filepath.Abs(data)
	if err != nil {
		return nil, err
	}
	r := &runtimeStore{data: data, dir: filepath.Join(data, runtimesDir)}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkOwner(data); err != nil {
		return nil, err
	}
	if r.lock, err = os.OpenFile(r.path(".lock"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600); err != nil {
		return nil, err
	}
	if err := unix.Flock(int(r.lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", r.dir, err), r.lock.Close())
	}
	if err := r.sweep(); err != nil {
		return nil, errors.Join(err, r.lock.Close())
	}
	return r, nil
}

func (r *runtimeStore) close()                  { _ = r.lock.Close() }
func (r *runtimeStore) path(name string) string { return filepath.Join(r.dir, name) }

// sweep removes images whose unpacking was cut off.
func (r *runtimeStore) sweep() error {
	entries, err := os.ReadDir(r.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), unpacking) {
			err = errors.Join(err, os.RemoveAll(r.path(e.Name())))
		}
	}
	return err
}

func (r *runtimeStore) link(name, source string) error {
	if err := runtimes.Vet(runtimes.Registration{Name: name, Dir: source}); err != nil {
		return err
	}
	fresh := r.path(unpacking + name)
	if err := os.Symlink(source, fresh); err != nil {
		return err
	}
	return r.put(fresh, name)
}

// unpack puts the image in place when all of it is there.
func (r *runtimeStore) unpack(ctx context.Context, name, source string, progress func(int64)) (sum ocilayout.Summary, err error) {
	fresh := r.path(unpacking + name)
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return sum, err
	}
	sum, err = ocilayout.Unpack(ctx, source, fresh, ocilayout.DefaultLimits, progress)
	if err == nil {
		err = errors.Join(os.Chmod(fresh, 0o755), syncAll(fresh)) // whatever the umask
	}
	if err == nil {
		err = runtimes.Check(runtimes.Registration{Name: name, Dir: fresh})
	}
	if err == nil {
		err = r.put(fresh, name)
	}
	if err != nil {
		return sum, errors.Join(err, os.RemoveAll(fresh))
	}
	return sum, nil
}

// syncAll has the whole file system of dir written: faster than file by file,
// and an image must not get its name before it is on disk.
func syncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}

// put gives what is at fresh its name, in place of what has it.
func (r *runtimeStore) put(fresh, name string) error {
	err := unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, r.path(name), unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EEXIST) {
		if err := r.drop(name); err != nil {
			return errors.Join(err, os.RemoveAll(fresh))
		}
		err = os.Rename(fresh, r.path(name))
	}
	if err != nil {
		return errors.Join(&os.LinkError{Op: "rename", Old: fresh, New: r.path(name), Err: err}, os.RemoveAll(fresh))
	}
	return syncDir(r.dir)
}

// drop removes what has a name. The files of an image may be in use by cells
// for as long as the node runs.
func (r *runtimeStore) drop(name string) error {
	at := r.path(name)
	st, err := os.Lstat(at)
	if err != nil {
		return err
	}
	if st.IsDir() {
		node, err := lockDir(r.data)
		if err != nil {
			return fmt.Errorf("functions may be running on the unpacked %s: stop the node first (%w)", name, err)
		}
		defer node.Close() //nolint:errcheck // only a lock
		gone := r.path(unpacking + "old-" + name)
		if err := os.Rename(at, gone); err != nil { // at once for whoever looks
			return err
		}
		at = gone
	}
	if err := os.RemoveAll(at); err != nil {
		return err
	}
	return syncDir(r.dir)
}
