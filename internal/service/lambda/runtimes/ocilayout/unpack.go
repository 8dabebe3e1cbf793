package ocilayout

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// Limits bound what an image may unpack to.
type Limits struct {
	Bytes   int64 // of all layers, what they hide of each other included
	Entries int   // files, directories and links
}

// DefaultLimits are those of images on AWS Lambda, 10 GiB, and a million
// entries.
var DefaultLimits = Limits{Bytes: 10 << 30, Entries: 1_000_000}

// Summary is what was unpacked.
type Summary struct {
	Entries int
	Bytes   int64
	Skipped int // devices, pipes and links that cannot be made safely
}

// Unpack writes the file system of the layout's image for this machine into the
// existing, empty directory dst. progress, if not nil, is called with the bytes
// so far. After an error dst is left as it is, for the caller to remove.
func Unpack(ctx context.Context, layoutDir, dst string, limits Limits, progress func(bytes int64)) (Summary, error) {
	img, err := choose(layoutDir)
	if err != nil {
		return Summary{}, fmt.Errorf("%s: %w", layoutDir, err)
	}
	root, err := os.OpenRoot(dst)
	if err != nil {
		return Summary{}, err
	}
	defer root.Close() //nolint:errcheck // only a handle
	left := limits.Bytes
	stream := mutate.Extract(checked{Image: img, ctx: ctx, left: &left})
	defer stream.Close() //nolint:errcheck // a pipe in memory
	u := &unpacker{root: root, limits: limits, progress: progress}
	if err := u.all(stream); err != nil {
		return u.sum, fmt.Errorf("unpack %s: %w", layoutDir, err)
	}
	return u.sum, nil
}

// maxRounds bounds how long a chain of hard links may be that is told backwards.
const maxRounds = 8

// unpacker lays the entries of a flattened image. Everything goes through root,
// which cannot be left by any name or link.
type unpacker struct {
	root     *os.Root
	limits   Limits
	progress func(int64)
	sum      Summary
	links    []link // hard links; their files may come later
}

type link struct{ name, target string }

func (u *unpacker) all(stream io.Reader) error {
	if err := u.entries(tar.NewReader(stream)); err != nil {
		return err
	}
	// What failed while the image was flattened is told after an archive that
	// looks complete.
	if _, err := io.Copy(io.Discard, stream); err != nil {
		return err
	}
	if err := u.hardLinks(); err != nil {
		return err
	}
	return u.openDirectories()
}

func (u *unpacker) entries(r *tar.Reader) error {
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if u.sum.Entries++; u.sum.Entries > u.limits.Entries {
			return fmt.Errorf("it has more than %d entries", u.limits.Entries)
		}
		if err := u.entry(h, r); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
	}
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	name := path.Clean("/" + h.Name)[1:]
	if name == "" {
		return nil
	}
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return u.root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		return u.file(name, h, content)
	case tar.TypeSymlink:
		return u.symlink(name, h.Linkname)
	case tar.TypeLink:
		u.links = append(u.links, link{name, path.Clean("/" + h.Linkname)[1:]})
		return nil
	}
	u.sum.Skipped++
	return nil
}

// file writes a file that everybody can read and, where somebody could, execute.
func (u *unpacker) file(name string, h *tar.Header, content io.Reader) error {
	mode := fs.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return u.keepUpper(err)
	}
	n, err := io.Copy(f, content)
	u.sum.Bytes += n
	if u.progress != nil {
		u.progress(u.sum.Bytes)
	}
	return errors.Join(err, f.Chmod(mode), f.Close())
}

func (u *unpacker) symlink(name, target string) error {
	if target == "" {
		u.sum.Skipped++
		return nil
	}
	return u.keepUpper(u.root.Symlink(target, name))
}

// hardLinks makes the links when all files are there. A link may be to a link.
func (u *unpacker) hardLinks() error {
	for range maxRounds {
		var later []link
		for _, l := range u.links {
			done, err := u.hardLink(l)
			if err != nil {
				return fmt.Errorf("%q: %w", l.name, err)
			}
			if !done {
				later = append(later, l)
			}
		}
		u.links = later
	}
	u.sum.Skipped += len(u.links) // their files are not in the image
	return nil
}

func (u *unpacker) hardLink(l link) (done bool, err error) {
	st, err := u.root.Lstat(l.target)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !st.Mode().IsRegular() {
		return false, err
	}
	return true, u.keepUpper(u.root.Link(l.target, l.name))
}

// keepUpper makes light of a name that is taken: the image comes uppermost layer
// first, and a directory that a layer only implies hides what lies below it.
func (u *unpacker) keepUpper(err error) error {
	if errors.Is(err, fs.ErrExist) {
		u.sum.Skipped++
		return nil
	}
	return err
}

// openDirectories makes up for a umask: cells run under other user ids.
func (u *unpacker) openDirectories() error {
	return fs.WalkDir(u.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return u.root.Chmod(name, 0o755)
	})
}
