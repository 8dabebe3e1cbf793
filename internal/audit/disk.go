package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	verifierFile   = "verifier.pub"
	checkpointFile = "checkpoint"
	lockFile       = "lock"
	segmentSuffix  = ".log"
	cutSuffix      = ".cut"
)

// output is a segment that is being written.
type output interface {
	io.Writer
	Sync() error
	Close() error
}

// disk is the log's directory and the one way to write in it.
//
// Entries reach the operating system by one write(2) on a file that was opened
// for appending, and the disk by fsync of the file and, when it is new, of the
// directory. Small files are replaced whole: write to a temporary name, fsync,
// rename, fsync of the directory. That is durable on file systems which order a
// rename after the data that was synced before it; ext4, xfs and btrfs do.
type disk struct {
	dir  string
	self *os.File // the directory, open so that to sync it takes no new file
	lock *os.File
	how  tuning
}

// openDisk makes the directory if need be and takes its lock.
func openDisk(dir string, how tuning) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit: directory of the log: %w", err)
	}
	lock, err := takeLock(dir, os.O_CREATE|os.O_RDWR, syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	self, err := os.Open(dir)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("audit: directory of the log: %w", err)
	}
	return &disk{dir: dir, self: self, lock: lock, how: how}, nil
}

// errInUse says that another process holds the log.
var errInUse = errors.New("the audit log is in use by a running node: stop that node first")

// takeLock takes the directory's lock, which goes away with the process. A node
// takes it for itself alone; who only looks whether there is a node shares it.
func takeLock(dir string, flags, how int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("audit: %s: %w", dir, errInUse)
	}
	return nil, fmt.Errorf("audit: lock of %s: %w", dir, err)
}

func (d *disk) close() error { return errors.Join(d.self.Close(), d.lock.Close()) }

// segmentName is the file name of the segment whose first entry has that index.
func segmentName(first int64) string { return fmt.Sprintf("%020d", first) + segmentSuffix }

// segments lists the first indices of all segments in dir, in order.
func segments(dir string) ([]int64, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("audit: files of the log: %w", err)
	}
	var firsts []int64
	for _, name := range names {
		digits, ok := strings.CutSuffix(name.Name(), segmentSuffix)
		first, err := strconv.ParseInt(digits, 10, 64)
		if ok && err == nil && name.Name() == segmentName(first) {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// create makes a new segment with its header. It and its name are on disk after
// the next sync of both.
func (d *disk) create(first int64) (output, error) {
	out, err := d.open(segmentName(first), os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(out, segmentHeader); err != nil {
		out.Close()
		return nil, err
	}
	return out, nil
}

// reopen opens a segment to append to it.
func (d *disk) reopen(first int64) (output, error) { return d.open(segmentName(first), 0) }

func (d *disk) open(name string, flags int) (output, error) {
	f, err := d.openFile(name, flags)
	if isShort(err) {
		return nil, fmt.Errorf("%w: %w", errNoFile, err)
	}
	if err != nil {
		return nil, err
	}
	if d.how.wrap != nil {
		return d.how.wrap(f), nil
	}
	return f, nil
}

func (d *disk) openFile(name string, flags int) (*os.File, error) {
	if d.how.refuse != nil {
		if err := d.how.refuse(name); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(filepath.Join(d.dir, name), os.O_WRONLY|os.O_APPEND|flags, 0o600)
}

// errNoFile is of an open for which the system had nothing left. The disk is as
// it was, so that the same can be tried again.
var errNoFile = errors.New("the system is short of files or memory; it is tried again, and if that lasts raise the limit of open files")

// isShort tells what passes from what is wrong with the disk.
func isShort(err error) bool {
	for _, passing := range [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EINTR, syscall.EAGAIN} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// syncSegment brings a segment to disk that another process wrote.
func (d *disk) syncSegment(first int64) error {
	out, err := d.reopen(first)
	if err != nil {
		return err
	}
	return errors.Join(out.Sync(), out.Close())
}

// replace puts a small file in place, durably and as a whole.
func (d *disk) replace(name string, data []byte) error {
	temporary := name + ".new"
	os.Remove(filepath.Join(d.dir, temporary)) // of a crash
	f, err := d.open(temporary, os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(d.dir, temporary), filepath.Join(d.dir, name)); err != nil {
		return err
	}
	return d.sync()
}

// sync brings the directory itself to disk: names that came and went.
func (d *disk) sync() error { return d.self.Sync() }

// cut removes what follows a position: the rest of its segment and all later
// ones. What was there is kept beside, under names that end in ".cut".
func (d *disk) cut(at position) (removed int64, err error) {
	firsts, err := segments(d.dir)
	if err != nil {
		return 0, err
	}
	for _, first := range firsts {
		var n int64
		switch {
		case first == at.segment && at.offset > 0:
			n, err = d.cutFile(first, at.offset)
		case first >= at.segment:
			n, err = d.setAside(first)
		}
		if err != nil {
			return removed, fmt.Errorf("audit: cut an unfinished end: %w", err)
		}
		removed += n
	}
	return removed, d.sync()
}

// cutFile cuts a segment at offset, after the rest was copied aside.
func (d *disk) cutFile(first, offset int64) (int64, error) {
	path := filepath.Join(d.dir, segmentName(first))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() <= offset {
		return 0, err
	}
	rest := io.NewSectionReader(f, offset, info.Size()-offset)
	if err := copyAside(fmt.Sprintf("%s.%d%s", path, offset, cutSuffix), rest); err != nil {
		return 0, err
	}
	return rest.Size(), errors.Join(f.Truncate(offset), f.Sync())
}

func copyAside(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}

// setAside renames a segment of which nothing is kept.
func (d *disk) setAside(first int64) (int64, error) {
	path := filepath.Join(d.dir, segmentName(first))
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), os.Rename(path, path+cutSuffix)
}
