package ocilayout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// checked is an image whose layers are read under a limit and must be what the
// configuration says. Reading a layer from a layout checks neither.
type checked struct {
	v1.Image
	ctx  context.Context
	left *int64 // bytes that all layers together may still unpack to
}

// Layers gives the layers, lowest first.
func (c checked) Layers() ([]v1.Layer, error) {
	layers, err := c.Image.Layers()
	if err != nil {
		return nil, err
	}
	config, err := c.Image.ConfigFile()
	if err != nil {
		return nil, err
	}
	if len(layers) != len(config.RootFS.DiffIDs) {
		return nil, fmt.Errorf("the image has %d layers, and its configuration says %d", len(layers), len(config.RootFS.DiffIDs))
	}
	for i, l := range layers {
		layers[i] = checkedLayer{Layer: l, want: config.RootFS.DiffIDs[i], image: c}
	}
	return layers, nil
}

type checkedLayer struct {
	v1.Layer
	want  v1.Hash
	image checked
}

// Uncompressed gives the layer's tar archive; its end is an error when the
// archive is not the right one.
func (l checkedLayer) Uncompressed() (io.ReadCloser, error) {
	r, err := l.Layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	return &checkedReader{ReadCloser: r, layer: l, sum: sha256.New()}, nil
}

// errTooLarge says that Limits.Bytes was reached.
var errTooLarge = errors.New("the image unpacks to more than is allowed")

type checkedReader struct {
	io.ReadCloser
	layer checkedLayer
	sum   hash.Hash
}

func (r *checkedReader) Read(p []byte) (int, error) {
	if err := r.layer.image.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.ReadCloser.Read(p)
	r.sum.Write(p[:n])
	if *r.layer.image.left -= int64(n); *r.layer.image.left < 0 {
		return 0, errTooLarge
	}
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(r.sum.Sum(nil)); r.layer.want.Algorithm != "sha256" || got != r.layer.want.Hex {
			return 0, fmt.Errorf("the layer %s is damaged: its content is sha256:%s", r.layer.want, got)
		}
	}
	return n, err
}
