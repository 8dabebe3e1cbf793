package codepkg

import (
	"archive/zip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

const (
	maxPath      = 1024
	maxComponent = 255
	// maxDirectory bounds the archive's table of contents, which is read as a
	// whole: 16 MB is 65,536 entries with names of 200 bytes.
	maxDirectory = 16 << 20
)

// entry is one checked entry of an archive. name is clean, relative and
// without "..".
type entry struct {
	name string
	mode fs.FileMode // type bits, and whether anyone may execute it
	file *zip.File
}

func (e *entry) isDir() bool  { return e.mode.IsDir() }
func (e *entry) isLink() bool { return e.mode&fs.ModeSymlink != 0 }

// list reads and checks the table of contents. It opens no entry.
func list(r io.ReaderAt, size int64, l Limits) ([]entry, Stats, error) {
	head := &budget{r: r, left: maxDirectory + 1<<16}
	z, err := zip.NewReader(head, size)
	if err != nil {
		return nil, Stats{}, bad("read the archive: %w", err)
	}
	head.left = -1 // contents have limits of their own
	if len(z.File) > l.Entries {
		return nil, Stats{}, bad("it has %d entries, more than %d", len(z.File), l.Entries)
	}
	st := Stats{memory: perEntry} // the directory that holds everything
	entries := make([]entry, 0, len(z.File))
	for _, f := range z.File {
		e, err := check(f)
		if err != nil {
			return nil, Stats{}, err
		}
		if f.UncompressedSize64 > uint64(l.Bytes-st.Bytes) {
			return nil, Stats{}, tooBig(l.Bytes)
		}
		st.Bytes += int64(f.UncompressedSize64)
		st.memory += wholePages(int64(f.UncompressedSize64))
		if e.name != "." {
			entries = append(entries, e)
		}
	}
	dirs, err := directories(entries, l.Entries)
	st.Entries = len(entries) + dirs
	st.memory += int64(st.Entries) * perEntry
	return entries, st, err
}

// perEntry is about what the kernel keeps of a file, a link or a directory
// besides its contents: an inode, its names and what finds them.
const perEntry = 1 << 10

// wholePages is what contents of n bytes take in memory.
func wholePages(n int64) int64 {
	page := int64(os.Getpagesize())
	return (n + page - 1) / page * page
}

// budget is a reader that fails when more is read than was granted.
type budget struct {
	r    io.ReaderAt
	left int64 // negative: unlimited
}

var errDirectory = errors.New("the table of contents is too long")

func (b *budget) ReadAt(p []byte, off int64) (int, error) {
	if b.left >= 0 {
		if b.left -= int64(len(p)); b.left < 0 {
			b.left = 0
			return 0, errDirectory
		}
	}
	return b.r.ReadAt(p, off)
}

func check(f *zip.File) (entry, error) {
	name, err := cleanName(f.Name)
	if err != nil {
		return entry{}, err
	}
	if f.Flags&1 != 0 {
		return entry{}, bad("%q is encrypted", name)
	}
	if f.Method != zip.Store && f.Method != zip.Deflate {
		return entry{}, bad("%q is compressed in a way (%d) that is not supported", name, f.Method)
	}
	mode := f.Mode()
	if strings.HasSuffix(f.Name, "/") {
		mode = mode&^fs.ModeType | fs.ModeDir
	}
	e := entry{name: name, mode: mode.Type(), file: f}
	if mode&0o111 != 0 {
		e.mode |= 0o111
	}
	switch mode.Type() {
	case 0, fs.ModeDir:
	case fs.ModeSymlink:
		if f.UncompressedSize64 > maxPath {
			return entry{}, bad("the link %q is too long", name)
		}
	default:
		return entry{}, bad("%q is neither a file nor a directory nor a link", name)
	}
	return e, nil
}

// cleanName refuses every name that could mean something outside, on this
// system or on another.
func cleanName(name string) (string, error) {
	switch {
	case name == "" || len(name) > maxPath:
		return "", bad("a name of %d bytes", len(name))
	case strings.ContainsAny(name, "\x00\\"):
		return "", bad("the name %q has a character that no name may have", name)
	case strings.HasPrefix(name, "/"):
		return "", bad("the name %q is absolute", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", bad("the name %q leads outside", name)
		}
		if len(part) > maxComponent {
			return "", bad("the name %q has too long a part", name)
		}
	}
	return path.Clean(name), nil
}

// directories counts those that are named by paths only. It refuses two entries
// of one name, of which different readers would see different ones, files that
// are used as directories, and more than limit entries in all.
func directories(entries []entry, limit int) (int, error) {
	isDir := make(map[string]bool, len(entries))
	for i := range entries {
		e := &entries[i]
		if dir, twice := isDir[e.name]; twice && !(e.isDir() && dir) {
			return 0, bad("%q is there twice", e.name)
		}
		isDir[e.name] = e.isDir()
	}
	named := make(map[string]bool) // directories of which all those above are known
	implied := 0
	for i := range entries {
		for dir := path.Dir(entries[i].name); dir != "." && !named[dir]; dir = path.Dir(dir) {
			named[dir] = true
			is, entry := isDir[dir]
			if entry && !is {
				return 0, bad("%q lies under %q, which is not a directory", entries[i].name, dir)
			}
			if !entry {
				implied++
			}
			if len(entries)+implied > limit {
				return 0, bad("it has more than %d entries and directories", limit)
			}
		}
	}
	return implied, nil
}
