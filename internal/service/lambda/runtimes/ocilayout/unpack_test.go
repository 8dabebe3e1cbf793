package ocilayout

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var small = Limits{Bytes: 1 << 20, Entries: 100}

// listing tells what lies in dir: names, targets of links, texts of files.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		switch d.Type() {
		case fs.ModeDir:
			out = append(out, name+"/")
		case fs.ModeSymlink:
			target, _ := os.Readlink(p)
			out = append(out, name+" -> "+target)
		case 0:
			text, _ := os.ReadFile(p)
			out = append(out, name+": "+string(text))
		default:
			out = append(out, name+" is "+d.Type().String())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func TestUnpack(t *testing.T) {
	cases := []struct {
		name   string
		layers [][]entry // lowest first
		want   []string
	}{
		{"files, directories and links", [][]entry{{dir("usr/"), dir("usr/lib"), file("usr/lib/x", "text"), symlink("lib", "usr/lib"), hardlink("usr/y", "usr/lib/x")}},
			[]string{"lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/x: text", "usr/y: text"}},
		{"names with ./ and without parents", [][]entry{{file("./a/b/c", "x")}}, []string{"a/", "a/b/", "a/b/c: x"}},
		{"an upper layer replaces", [][]entry{{file("a", "old"), file("b", "old")}, {file("a", "new")}}, []string{"a: new", "b: old"}},
		{"an upper layer removes", [][]entry{{file("d/a", "x"), file("d/b", "x")}, {file("d/.wh.a", "")}}, []string{"d/", "d/b: x"}},
		{"an upper layer empties a directory", [][]entry{{file("d/a", "x")}, {dir("d"), file("d/.wh..wh..opq", ""), file("d/n", "x")}}, []string{"d/", "d/n: x"}},
		{"a directory over a link", [][]entry{{symlink("a", "b"), file("b/old", "x")}, {file("a/new", "x")}}, []string{"a/", "a/new: x", "b/", "b/old: x"}},
		{"a hard link to a file of a lower layer", [][]entry{{file("a", "x")}, {hardlink("b", "a")}}, []string{"a: x", "b: x"}},
		{"hard links told backwards", [][]entry{{hardlink("c", "b"), hardlink("b", "a"), file("a", "x")}}, []string{"a: x", "b: x", "c: x"}},
		{"hard links in a ring", [][]entry{{hardlink("a", "b"), hardlink("b", "a")}}, nil},
		{"a hard link to nothing", [][]entry{{hardlink("a", "nothing")}}, nil},
		{"a hard link to a link", [][]entry{{symlink("s", "/etc/passwd"), hardlink("a", "s")}}, []string{"s -> /etc/passwd"}},
		{"a hard link out", [][]entry{{hardlink("a", "../../../../etc/passwd")}}, nil},
		{"a hard link to an absolute path", [][]entry{{hardlink("a", "/etc/passwd")}}, nil},
		{"a link to an absolute path is kept", [][]entry{{symlink("a", "/etc/passwd")}}, []string{"a -> /etc/passwd"}},
		{"a relative link out is left out", [][]entry{{symlink("a/b", "../../../etc")}}, nil},
		{"devices, pipes and sockets are left out", [][]entry{{device("c", tar.TypeChar), device("b", tar.TypeBlock), device("f", tar.TypeFifo), file("x", "x")}}, []string{"x: x"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dst := t.TempDir()
			if _, err := Unpack(t.Context(), layoutOf(t, imageOf(t, ours, c.layers...)), dst, small, nil); err != nil {
				t.Fatal(err)
			}
			if got := listing(t, dst); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// Whatever a layer says, nothing appears outside.
func TestNothingLeavesTheDirectory(t *testing.T) {
	above := t.TempDir()
	victim := filepath.Join(above, "victim")
	if err := os.MkdirAll(victim, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, layers := range [][][]entry{
		{{file("../victim/x", "x")}},
		{{file("/../victim/x", "x")}},
		{{file("a/../../victim/x", "x")}},
		{{symlink("a", "../victim"), file("a/x", "x")}},
		{{symlink("a", victim), file("a/x", "x")}},
		{{symlink("a", victim)}, {file("a/x", "x")}},
		{{file("a/x", "x")}, {symlink("a", victim)}},
		{{symlink("a", victim), dir("a/x")}},
		{{symlink("a", victim), symlink("a/x", "y")}},
		{{symlink("a", victim), hardlink("a/x", "b"), file("b", "x")}},
		{{symlink("x", filepath.Join(victim, "x")), file("x", "x")}},
		{{symlink("a", "b"), symlink("b", victim), file("a/x", "x")}},
		{{file("..", "x")}},
	} {
		dst := filepath.Join(above, fmt.Sprint("dst", i))
		if err := os.Mkdir(dst, 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := Unpack(t.Context(), layoutOf(t, imageOf(t, ours, layers...)), dst, small, nil)
		if got := listing(t, victim); len(got) > 0 {
			t.Fatalf("case %d (%v) wrote %q outside", i, err, got)
		}
	}
}

func TestModesAreThePlatformsOwn(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dst := t.TempDir()
	_, err := Unpack(t.Context(), layoutOf(t, imageOf(t, ours, []entry{
		{tar.Header{Name: "su", Mode: 0o6755, Uid: 0}, ""},
		{tar.Header{Name: "secret", Mode: 0o600}, ""},
		{tar.Header{Name: "open", Mode: 0o666}, ""},
		{tar.Header{Name: "tmp", Mode: 0o1777, Typeflag: tar.TypeDir}, ""},
		{tar.Header{Name: "closed/x/file", Mode: 0o400}, ""},
	})), dst, small, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"su": 0o755, "secret": 0o644, "open": 0o644, "tmp": fs.ModeDir | 0o755, "closed/x": fs.ModeDir | 0o755, "closed/x/file": 0o644} {
		st, err := os.Stat(filepath.Join(dst, name))
		if err != nil || st.Mode() != want {
			t.Errorf("%s: %v (%v), want %v", name, st.Mode(), err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	big := strings.Repeat("x", 10<<10)
	for _, c := range []struct {
		name   string
		limits Limits
		layers [][]entry
		want   string
	}{
		{"bytes of one file", Limits{Bytes: 8 << 10, Entries: 10}, [][]entry{{file("a", big)}}, errTooLarge.Error()},
		{"bytes that an upper layer hides", Limits{Bytes: 18 << 10, Entries: 10}, [][]entry{{file("a", big)}, {file("a", big)}}, errTooLarge.Error()},
		{"entries", Limits{Bytes: 1 << 20, Entries: 2}, [][]entry{{file("a", ""), file("b", ""), file("c", "")}}, "more than 2 entries"},
	} {
		_, err := Unpack(t.Context(), layoutOf(t, imageOf(t, ours, c.layers...)), t.TempDir(), c.limits, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestWhichImage(t *testing.T) {
	other := v1.Platform{OS: "linux", Architecture: "s390x"}
	mine, foreign := imageOf(t, ours, []entry{file("mine", "")}), imageOf(t, other, []entry{file("foreign", "")})
	second := imageOf(t, ours, []entry{file("second", "")})
	for _, c := range []struct {
		name   string
		images []v1.Image
		want   string // part of the error; empty: none
	}{
		{"one", []v1.Image{mine}, ""},
		{"one of several platforms", []v1.Image{foreign, mine}, ""},
		{"the same one twice", []v1.Image{mine, mine}, ""},
		{"only another platform's", []v1.Image{foreign}, "has no image for " + ours.String() + ", but for linux/s390x"},
		{"two for this platform", []v1.Image{mine, second}, "has 2 images"},
		{"none", nil, "has no image"},
	} {
		dst := t.TempDir()
		_, err := Unpack(t.Context(), layoutOf(t, c.images...), dst, small, nil)
		if c.want == "" && (err != nil || !slices.Equal(listing(t, dst), []string{"mine: "})) {
			t.Errorf("%s: %v, %q", c.name, err, listing(t, dst))
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// Every document and every layer of a layout is what its name says, or nothing
// is taken.
func TestADamagedLayoutIsRefused(t *testing.T) {
	whole := func() string { return layoutOf(t, imageOf(t, ours, []entry{file("a", strings.Repeat("text", 1000))})) }
	blobs, err := os.ReadDir(filepath.Join(whole(), "blobs/sha256"))
	if err != nil || len(blobs) != 3 {
		t.Fatalf("%d blobs, %v", len(blobs), err)
	}
	for i := range blobs {
		for _, damage := range []func(string) error{
			func(p string) error { return flip(p) },
			func(p string) error { return os.Truncate(p, 40) },
			os.Remove,
		} {
			layout := whole()
			if err := damage(filepath.Join(layout, "blobs/sha256", blobs[i].Name())); err != nil {
				t.Fatal(err)
			}
			if _, err := Unpack(t.Context(), layout, t.TempDir(), small, nil); err == nil {
				t.Errorf("blob %d: nobody noticed", i)
			}
		}
	}
}

func flip(p string) error {
	b, err := os.ReadFile(p)
	if err != nil {
		return err
	}
	b[len(b)-6] ^= 1
	return os.WriteFile(p, b, 0o644)
}

func TestUnpackStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Unpack(ctx, layoutOf(t, imageOf(t, ours, []entry{file("a", "x")})), t.TempDir(), small, nil)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestIs(t *testing.T) {
	if !Is(layoutOf(t)) {
		t.Error("a layout is not recognised")
	}
	if Is(t.TempDir()) {
		t.Error("an empty directory is one")
	}
}
