package seal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeDurably replaces path with content, mode 0600: write to a temporary
// file, fsync, rename, fsync the directory. After a crash path holds the old
// content or the new, never a part.
func writeDurably(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to report
		return fmt.Errorf("write %s: %w", path, err)
	}
	return renameDurably(f.Name(), path)
}

func renameDurably(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("rename to %s: %w", to, err)
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return fmt.Errorf("sync the directory of %s: %w", to, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync the directory of %s: %w", to, err)
	}
	return nil
}
