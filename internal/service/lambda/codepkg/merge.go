package codepkg

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// merge lays packages over each other. Files are hard links to those of the
// packages: a merged directory costs no memory for contents. They are counted
// all the same, twice for as long as a layer is kept beside the union: too much
// is safe, too little is not.
func (c *Cache) merge(ctx context.Context, dir string, ids []string, open Source, reserve func(int64) error) (Stats, error) {
	var st Stats
	for _, id := range ids {
		ref, err := c.Acquire(ctx, id, open)
		if err != nil {
			return Stats{}, err
		}
		if err = reserve(ref.Stats.memory); err == nil {
			err = overlay(ref.Dir, dir)
		}
		ref.Release()
		if err != nil {
			return Stats{}, err
		}
		st.Bytes += ref.Stats.Bytes
		st.Entries += ref.Stats.Entries
		st.memory += ref.Stats.memory
	}
	return st, checkMerged(dir)
}

// overlay links everything below from into to, over what is there.
func overlay(from, to string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil || rel == "." {
			return err
		}
		return place(p, filepath.Join(to, rel), d)
	})
}

func place(src, dst string, d fs.DirEntry) error {
	old, err := os.Lstat(dst)
	if err == nil && d.IsDir() && old.IsDir() {
		return nil
	}
	if err == nil {
		err = os.RemoveAll(dst)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if d.IsDir() {
		return os.Mkdir(dst, 0o755)
	}
	return os.Link(src, dst) // of a link, the link itself
}

// checkMerged follows the links again: those of one layer can combine with
// those of another.
func checkMerged(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // only read from
	if err := openDirs(root); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if _, err := root.Stat(rel); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return bad("the link %q of the layers: %w", rel, err)
		}
		return nil
	})
}
