package ocilayout

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

const (
	// maxDocument bounds an index, a manifest and a configuration, in bytes.
	// They are read into memory.
	maxDocument = 4 << 20
	// maxNesting bounds how deep indexes name indexes.
	maxNesting = 4
	// maxImages bounds the manifests of an index.
	maxImages = 1000
)

// Is says whether dir is an OCI image layout.
func Is(dir string) bool {
	for _, name := range []string{"oci-layout", "index.json"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || !st.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// ours is the platform whose images this machine can run.
var ours = v1.Platform{OS: "linux", Architecture: runtime.GOARCH}

// choose finds the one image of the layout that is for this machine.
func choose(dir string) (v1.Image, error) {
	if err := checkDocument(filepath.Join(dir, "index.json")); err != nil {
		return nil, err
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	c := &chooser{dir: dir}
	if err := c.collect(index, 0); err != nil {
		return nil, err
	}
	switch {
	case len(c.fitting) == 1:
		return c.fitting[0], nil
	case len(c.fitting) > 1:
		return nil, fmt.Errorf("the layout has %d images for %s: copy the one that is meant into a layout of its own", len(c.fitting), ours)
	case len(c.others) > 0:
		return nil, fmt.Errorf("the layout has no image for %s, but for %s: copy that of this machine's platform", ours, strings.Join(c.others, ", "))
	}
	return nil, errors.New("the layout has no image")
}

// chooser goes through the indexes of a layout.
type chooser struct {
	dir     string
	seen    []v1.Hash
	fitting []v1.Image
	others  []string // platforms
}

func (c *chooser) collect(index v1.ImageIndex, depth int) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	if depth > maxNesting || len(manifest.Manifests)+len(c.seen) > maxImages {
		return errors.New("the layout's indexes name too much")
	}
	for _, d := range manifest.Manifests {
		if slices.Contains(c.seen, d.Digest) {
			continue
		}
		c.seen = append(c.seen, d.Digest)
		if err := c.add(index, d, depth); err != nil {
			return err
		}
	}
	return nil
}

func (c *chooser) add(index v1.ImageIndex, d v1.Descriptor, depth int) error {
	switch {
	case d.MediaType.IsIndex():
		if err := c.document(d.Digest); err != nil {
			return err
		}
		nested, err := index.ImageIndex(d.Digest)
		if err != nil {
			return err
		}
		return c.collect(nested, depth+1)
	case d.MediaType.IsImage() && (d.Platform == nil || d.Platform.OS != "unknown"): // unknown: attestations
		return c.image(index, d)
	}
	return nil
}

// image adds an image by the platform that its own configuration names: that of
// the index is a copy, and optional.
func (c *chooser) image(index v1.ImageIndex, d v1.Descriptor) error {
	if err := c.document(d.Digest); err != nil {
		return err
	}
	img, err := index.Image(d.Digest)
	if err != nil {
		return err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return fmt.Errorf("read the manifest %s: %w", d.Digest, err)
	}
	if err := c.document(manifest.Config.Digest); err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("read the configuration of %s: %w", d.Digest, err)
	}
	platform := v1.Platform{OS: config.OS, Architecture: config.Architecture}
	if platform.Equals(ours) {
		c.fitting = append(c.fitting, img)
	} else {
		c.others = append(c.others, platform.String())
	}
	return nil
}

// document checks a blob that is about to be read into memory: its size, and
// that it is what its name says.
func (c *chooser) document(h v1.Hash) error {
	file := filepath.Join(c.dir, "blobs", h.Algorithm, h.Hex)
	if err := checkDocument(file); err != nil {
		return err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if got, _, err := v1.SHA256(bytes.NewReader(b)); err != nil || got != h {
		return fmt.Errorf("%s is damaged: its content is %s", h, got)
	}
	return nil
}

func checkDocument(file string) error {
	st, err := os.Lstat(file)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() || st.Size() > maxDocument {
		return fmt.Errorf("%s is not a file of at most %d bytes", file, maxDocument)
	}
	return nil
}
