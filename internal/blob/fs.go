package blob

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// fileSystem is the one way to the disk, so that tests can break it.
type fileSystem interface {
	MkdirAll(path string) error
	Create(path string) (writeFile, error) // fails when path exists
	Open(path string) (readFile, error)
	Rename(from, to string) error
	Remove(path string) error
	SyncDir(path string) error
	ReadDir(path string) ([]string, error) // names, sorted
}

type writeFile interface {
	io.WriteCloser
	Sync() error
}

type readFile interface {
	io.ReaderAt
	io.Closer
	Size() (int64, error)
}

// disk is the real one. Files and folders are the owner's only.
type disk struct{}

func (disk) MkdirAll(path string) error { return os.MkdirAll(path, 0o700) }

func (disk) Create(path string) (writeFile, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (disk) Open(path string) (readFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (disk) Rename(from, to string) error { return os.Rename(from, to) }
func (disk) Remove(path string) error     { return os.Remove(path) }

func (disk) SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (disk) ReadDir(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, err
}

type diskFile struct{ *os.File }

func (f diskFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fs.ErrInvalid
	}
	return info.Size(), nil
}
