package node

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"cloister/internal/service/lambda/runtimes"
)

// ociLayout is an image layout whose image has the given files.
func ociLayout(t *testing.T, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = p.AppendImage(img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// dataDir is a data directory as a node makes it.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sdkDir is a directory with an SDK for Node in the given version.
func sdkDir(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	client := filepath.Join(dir, "node_modules/@aws-sdk/client-s3")
	if err := os.MkdirAll(client, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(client+"/package.json", []byte(`{"version":"`+version+`"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func add(t *testing.T, data, name, source string) *AddedRuntime {
	t.Helper()
	added, err := RegisterRuntime(t.Context(), data, name, source, nil)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func registered(t *testing.T, data string) []runtimes.Registration {
	t.Helper()
	found, err := RegisteredRuntimes(data)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestARuntimeFromADirectoryStaysWhereItIs(t *testing.T) {
	data, first, second := dataDir(t), sdkDir(t, "1.0.0"), sdkDir(t, "2.0.0")
	for _, source := range []string{first, second, second} {
		if added := add(t, data, "nodejs20.x", source); added.Unpacked {
			t.Errorf("%+v", added)
		}
		if got, want := registered(t, data), []runtimes.Registration{{Name: "nodejs20.x", Dir: source}}; !slices.Equal(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if err := RemoveRuntime(data, "nodejs20.x"); err != nil {
		t.Fatal(err)
	}
	if got := registered(t, data); len(got) > 0 {
		t.Errorf("after it was removed: %+v", got)
	}
	if _, err := os.Stat(second + "/node_modules"); err != nil {
		t.Errorf("the directory has gone with it: %v", err)
	}
}

func TestARuntimeFromAnImage(t *testing.T) {
	data := dataDir(t)
	added := add(t, data, "python3.13", ociLayout(t, map[string]string{"var/lang/bin/python3.13": "one"}))
	if !added.Unpacked || added.Entries != 1 || added.Bytes != 3 {
		t.Errorf("%+v", added)
	}
	program := filepath.Join(data, "runtimes/python3.13/var/lang/bin/python3.13")
	if text, err := os.ReadFile(program); string(text) != "one" {
		t.Errorf("%q, %v", text, err)
	}
	set, err := DetectRuntimes(data)
	if err != nil || !set.Has("python3.13") {
		t.Errorf("the node does not have it: %v", err)
	}
	add(t, data, "python3.13", ociLayout(t, map[string]string{"usr/bin/python3.13": "two"}))
	if _, err := os.Stat(program); err == nil {
		t.Error("a file of the image before is there")
	}
	add(t, data, "python3.13", ociLayout(t, map[string]string{"site-packages/boto3/__init__.py": ""}))
	if err := RemoveRuntime(data, "python3.13"); err != nil {
		t.Fatal(err)
	}
	expectNothing(t, data)
}

// expectNothing checks that no runtime and nothing half done is left.
func expectNothing(t *testing.T, data string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(data, runtimesDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".lock" {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// What cannot be used leaves everything as it was.
func TestWhatIsRefused(t *testing.T) {
	image := ociLayout(t, map[string]string{"usr/bin/python3.13": "x"})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	open := sdkDir(t, "1.0.0")
	if err := os.Chmod(open+"/node_modules", 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ctx                context.Context
		name, source, want string
	}{
		{t.Context(), "java21", image, "is not a runtime"},
		{t.Context(), "../../x", image, "is not a runtime"},
		{t.Context(), "python3.12", image, "there is no python3.12"},
		{t.Context(), "python3.13", t.TempDir(), "there is no python3.13"},
		{t.Context(), "python3.13", file, "is not a directory"},
		{t.Context(), "python3.13", file + "/nothing", "not a directory"},
		{t.Context(), "nodejs20.x", open, "everybody can write"},
		{canceled, "python3.13", image, "context canceled"},
	} {
		data := dataDir(t)
		_, err := RegisterRuntime(c.ctx, data, c.name, c.source, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s from %s: %v, want %q", c.name, c.source, err, c.want)
		}
		if _, err := os.Stat(filepath.Join(data, runtimesDir)); err == nil {
			expectNothing(t, data)
		}
	}
	if err := RemoveRuntime(dataDir(t), "nodejs20.x"); err == nil || !strings.Contains(err.Error(), "no runtime nodejs20.x was added") {
		t.Errorf("removing what is not there: %v", err)
	}
}

// The files of an image are not taken from under the functions of a running
// node; a link can change, since the node knows where it led.
func TestARunningNodeKeepsItsImages(t *testing.T) {
	data := dataDir(t)
	image := ociLayout(t, map[string]string{"usr/bin/python3.13": "x"})
	add(t, data, "python3.13", image)
	add(t, data, "nodejs20.x", sdkDir(t, "1.0.0"))
	running, err := lockDir(data)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"replacing": second(RegisterRuntime(t.Context(), data, "python3.13", image, nil)),
		"removing":  RemoveRuntime(data, "python3.13"),
	} {
		if err == nil || !strings.Contains(err.Error(), "stop the node first") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(filepath.Join(data, "runtimes/python3.13/usr/bin/python3.13")); err != nil {
		t.Error(err)
	}
	add(t, data, "nodejs20.x", sdkDir(t, "2.0.0"))
	add(t, data, "python3.12", ociLayout(t, map[string]string{"usr/bin/python3.12": "x"}))
	if err := errors.Join(running.Close(), RemoveRuntime(data, "python3.13")); err != nil {
		t.Error(err)
	}
}

func second(_ *AddedRuntime, err error) error { return err }

// Whatever was cut off disappears; a directory that has gone is no reason not
// to start.
func TestLeftoversAreHarmless(t *testing.T) {
	data := dataDir(t)
	for _, dir := range []string{unpacking + "python3.13/usr", unpacking + "old-python3.13/usr"} {
		if err := os.MkdirAll(filepath.Join(data, runtimesDir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/nothing/here", filepath.Join(data, runtimesDir, "nodejs98.x")); err != nil {
		t.Fatal(err)
	}
	if got, want := registered(t, data), []runtimes.Registration{{Name: "nodejs98.x", Dir: "/nothing/here"}}; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	set, err := DetectRuntimes(data)
	if err != nil || set.Has("nodejs98.x") {
		t.Errorf("a directory that has gone: %v", err)
	}
	if err := RemoveRuntime(data, "nodejs98.x"); err != nil {
		t.Error(err)
	}
	expectNothing(t, data)
}
