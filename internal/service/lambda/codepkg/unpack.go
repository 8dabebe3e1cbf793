package codepkg

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Unpack writes the zip archive r of size bytes into dir, an empty directory.
// Files become read-only for everybody, executable where the archive says so
// for anybody; everything belongs to the caller. Links are made last, so that
// nothing is ever written through one, and each is followed once to see that
// it stays inside. Errors about the archive are *Error; what was written
// until then is left for the caller to remove.
func Unpack(r io.ReaderAt, size int64, dir string, l Limits) (Stats, error) {
	entries, st, err := list(r, size, l.withDefaults())
	if err != nil {
		return Stats{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Stats{}, err
	}
	defer root.Close() //nolint:errcheck // only read from here on
	if err := root.Chmod(".", 0o755); err != nil {
		return Stats{}, err
	}
	for _, kind := range []func(*entry) bool{(*entry).isDir, isFile, (*entry).isLink} {
		if err := unpackKind(root, entries, kind); err != nil {
			return Stats{}, err
		}
	}
	if err := openDirs(root); err != nil {
		return Stats{}, err
	}
	return st, checkLinks(root, entries)
}

// openDirs lets everybody into the directories, whatever the umask took away.
func openDirs(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return root.Chmod(p, 0o755)
	})
}

func isFile(e *entry) bool { return e.mode.IsRegular() }

func unpackKind(root *os.Root, entries []entry, kind func(*entry) bool) error {
	for i := range entries {
		if e := &entries[i]; kind(e) {
			if err := unpackEntry(root, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func unpackEntry(root *os.Root, e *entry) error {
	if e.isDir() {
		return root.MkdirAll(e.name, 0o755)
	}
	if err := root.MkdirAll(path.Dir(e.name), 0o755); err != nil {
		return err
	}
	if e.isLink() {
		return unpackLink(root, e)
	}
	return unpackFile(root, e)
}

func unpackFile(root *os.Root, e *entry) (err error) {
	in, err := e.file.Open()
	if err != nil {
		return bad("open %q: %w", e.name, err)
	}
	defer in.Close() //nolint:errcheck // it is in memory
	out, err := root.OpenFile(e.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := copyExactly(out, in, int64(e.file.UncompressedSize64), e.name); err != nil {
		return err
	}
	return out.Chmod(0o444 | e.mode.Perm()) // also what the umask took away
}

// copyExactly copies what the table of contents announced and not a byte more:
// a bomb declares little.
func copyExactly(out io.Writer, in io.Reader, size int64, name string) error {
	from := &source{r: in}
	n, err := io.Copy(out, io.LimitReader(from, size+1))
	switch {
	case from.err != nil:
		return bad("unpack %q: %w", name, from.err)
	case err != nil:
		return fmt.Errorf("write %q: %w", name, err)
	case n != size:
		return bad("%q is not as long as announced", name)
	}
	return nil
}

// source remembers that reading failed, which is the archive's fault, unlike
// writing.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func unpackLink(root *os.Root, e *entry) error {
	in, err := e.file.Open()
	if err != nil {
		return bad("open %q: %w", e.name, err)
	}
	defer in.Close() //nolint:errcheck // it is in memory
	var b strings.Builder
	if err := copyExactly(&b, in, int64(e.file.UncompressedSize64), e.name); err != nil {
		return err
	}
	target := b.String()
	if target == "" || strings.ContainsAny(target, "\x00\\") || strings.HasPrefix(target, "/") || escapes(path.Dir(e.name), target) {
		return bad("the link %q leads outside, to %q", e.name, target)
	}
	return root.Symlink(target, e.name)
}

// escapes says whether a link in dir leads outside by its words alone.
func escapes(dir, target string) bool {
	clean := path.Join(dir, target)
	return clean == ".." || strings.HasPrefix(clean, "../")
}

// checkLinks follows every link: words that stay inside one by one can lead
// outside together. A link to nothing is allowed.
func checkLinks(root *os.Root, entries []entry) error {
	for i := range entries {
		if e := &entries[i]; e.isLink() {
			if _, err := root.Stat(e.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return bad("the link %q: %w", e.name, err)
			}
		}
	}
	return nil
}
