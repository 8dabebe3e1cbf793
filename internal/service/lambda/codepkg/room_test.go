package codepkg

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// small is a package of n files of one byte, each of which takes a page.
func small(prefix string, n int) []byte {
	var items []item
	for i := range n {
		items = append(items, item{fmt.Sprintf("%s%d", prefix, i), file, "x"})
	}
	return pack(items...)
}

// What counts is what the memory holds, not what the files say.
func TestWhatAPackageTakes(t *testing.T) {
	page := int64(os.Getpagesize())
	for _, c := range []struct {
		name  string
		items []item
		want  int64
	}{
		{"nothing", nil, perEntry},
		{"an empty file", []item{{"a", file, ""}}, 2 * perEntry},
		{"a byte", []item{{"a", file, "x"}}, 2*perEntry + page},
		{"a page and a byte", []item{{"a", file, strings.Repeat("x", int(page)+1)}}, 2*perEntry + 2*page},
		{"a link", []item{{"l", link, "a"}}, 2*perEntry + page},
		{"directories that are not entries", []item{{"a/b/c", file, ""}, {"a/b/d", file, ""}}, 5 * perEntry},
		{"directories that are", []item{{"a/", 0, ""}, {"a/b/", 0, ""}, {"a/b/c", file, ""}}, 4 * perEntry},
	} {
		b := pack(c.items...)
		_, st, err := list(memory{bytes.NewReader(b)}, int64(len(b)), Limits{}.withDefaults())
		if err != nil || st.memory != c.want {
			t.Errorf("%s: %d (%v), want %d", c.name, st.memory, err, c.want)
		}
	}
}

// Long paths are cheap in an archive and dear unpacked.
func TestDirectoriesThatAreNotEntriesCountAsEntries(t *testing.T) {
	b := pack(item{"a/b/c/d/e", file, ""}, item{"f/g/h/i/j", file, ""})
	var bad *Error
	if _, err := unpack(t, b, Limits{Entries: 9}); !errors.As(err, &bad) {
		t.Errorf("10 entries: %v", err)
	}
	if _, err := unpack(t, b, Limits{Entries: 10}); err != nil {
		t.Error(err)
	}
}

func TestManySmallFilesMakeRoomToo(t *testing.T) {
	c := openTestCache(t, 1<<20)
	p := &packages{zips: map[string][]byte{"a": small("a", 150), "b": small("b", 150)}}
	a, err := c.Acquire(t.Context(), "a", p.open)
	if err != nil {
		t.Fatal(err)
	}
	var full *FullError
	if _, err := c.Acquire(t.Context(), "b", p.open); !errors.As(err, &full) {
		t.Errorf("with a in use: %v", err)
	}
	a.Release()
	if _, err := c.Acquire(t.Context(), "b", p.open); err != nil {
		t.Error(err)
	}
}

// noSpace is a fill that finds no space until the package named has gone.
func noSpace(c *Cache, until string) fill {
	return func(dir string, reserve func(int64) error) (Stats, error) {
		if err := reserve(100); err != nil {
			return Stats{}, err
		}
		if _, err := os.Stat(filepath.Join(c.dir, until)); until != "" && err != nil {
			return Stats{}, nil
		}
		return Stats{}, &os.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC}
	}
}

// The file system may be smaller than was thought.
func TestNoSpaceLeftMakesRoom(t *testing.T) {
	c := openTestCache(t, 1<<20)
	p := &packages{zips: map[string][]byte{"a": small("f", 1), "b": small("f", 1), "used": small("f", 1)}}
	for _, id := range []string{"used", "a", "b"} {
		r, err := c.Acquire(t.Context(), id, p.open)
		if err != nil {
			t.Fatal(err)
		}
		if id != "used" {
			r.Release()
		}
	}
	if _, err := c.acquire(t.Context(), "c", noSpace(c, "a")); err != nil {
		t.Errorf("though a made room: %v", err)
	}
	var full *FullError
	if _, err := c.acquire(t.Context(), "d", noSpace(c, "")); !errors.As(err, &full) {
		t.Errorf("when all is in use: %v", err)
	}
	for id, there := range map[string]bool{"used": true, "a": false, "b": false, "c": true, "d": false, "tmp.d": false} {
		if _, err := os.Stat(filepath.Join(c.dir, id)); (err == nil) != there {
			t.Errorf("%s is there: %v, want %v", id, err == nil, there)
		}
	}
	if want := c.entries["used"].bytes + c.entries["c"].bytes; c.bytes != want {
		t.Errorf("%d bytes are counted, want %d", c.bytes, want)
	}
}

func TestTheCacheKnowsHowMuchItsFileSystemHolds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	unmount, err := MountMemory(dir, 1<<20)
	if err != nil {
		t.Skip(err)
	}
	defer unmount() //nolint:errcheck // the test's own
	c, err := OpenCache(dir, CacheOptions{MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	p := &packages{zips: map[string][]byte{}}
	for i := range 8 { // 250 KB each, then 300 inodes each
		id := fmt.Sprint(i)
		p.zips[id] = small("f", 50)
		if i >= 4 {
			p.zips[id] = pack(empty(300)...)
		}
		r, err := c.Acquire(t.Context(), id, p.open)
		if err != nil {
			t.Fatalf("package %d: %v", i, err)
		}
		r.Release()
	}
	var full *FullError
	p.zips["big"] = small("f", 250)
	if _, err := c.Acquire(t.Context(), "big", p.open); !errors.As(err, &full) {
		t.Errorf("more than there is: %v", err)
	}
}

func empty(n int) (items []item) {
	for i := range n {
		items = append(items, item{fmt.Sprint(i), file, ""})
	}
	return items
}
