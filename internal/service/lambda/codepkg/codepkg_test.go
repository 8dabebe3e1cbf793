package codepkg

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// item is one entry of an archive that a test writes.
type item struct {
	name string
	mode fs.FileMode
	data string
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func pack(items ...item) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, it := range items {
		h := &zip.FileHeader{Name: it.name, Method: zip.Deflate}
		h.SetMode(it.mode)
		f, err := w.CreateHeader(h)
		if err == nil && !strings.HasSuffix(it.name, "/") {
			_, err = f.Write([]byte(it.data))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func unpack(t interface{ TempDir() string }, b []byte, l Limits) (string, error) {
	dir := t.TempDir()
	_, err := Unpack(bytes.NewReader(b), int64(len(b)), dir, l)
	return dir, err
}

// listing is a directory as text: what a cell would see of it.
func listing(dir string) string {
	var lines []string
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		st, _ := d.Info()
		line := fmt.Sprintf("%s %s", st.Mode(), rel)
		if st.Mode().IsRegular() {
			data, _ := os.ReadFile(p)
			line += " " + string(data)
		} else if target, err := os.Readlink(p); err == nil {
			line += " -> " + target
		}
		lines = append(lines, line)
		return nil
	})
	return strings.Join(lines, "\n")
}

const (
	file = fs.FileMode(0o644)
	exe  = fs.FileMode(0o700)
	link = fs.ModeSymlink | 0o777
)

func TestUnpack(t *testing.T) {
	for _, c := range []struct {
		name  string
		items []item
		want  string
	}{
		{"files", []item{{"a", file, "1"}, {"d/b", exe, "2"}}, "-r--r--r-- a 1\ndrwxr-xr-x d\n-r-xr-xr-x d/b 2"},
		{"a directory", []item{{"d/", fs.ModeDir | 0o700, ""}, {"d/e/", 0, ""}}, "drwxr-xr-x d\ndrwxr-xr-x d/e"},
		{"names that need no cleaning on AWS", []item{{"./a", file, "1"}, {"d//b", file, "2"}}, "-r--r--r-- a 1\ndrwxr-xr-x d\n-r--r--r-- d/b 2"},
		{"set-user-id is taken off", []item{{"a", fs.ModeSetuid | fs.ModeSetgid | 0o755, ""}}, "-r-xr-xr-x a "},
		{"a link", []item{{"l", link, "d/a"}, {"d/a", file, "1"}, {"d/up", link, "../d"}}, "drwxr-xr-x d\n-r--r--r-- d/a 1\nLrwxrwxrwx d/up -> ../d\nLrwxrwxrwx l -> d/a"},
		{"a link to nothing", []item{{"l", link, "x"}}, "Lrwxrwxrwx l -> x"},
		{"names that differ in case", []item{{"a", file, "1"}, {"A", file, "2"}}, "-r--r--r-- A 2\n-r--r--r-- a 1"},
	} {
		dir, err := unpack(t, pack(c.items...), Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := listing(dir); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, got, c.want)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	const unzip = "Could not unzip uploaded file. Please check your file, then try to upload again."
	one := func(name string, mode fs.FileMode, data string) []byte { return pack(item{name, mode, data}) }
	bomb := pack(item{"a", file, strings.Repeat("0", 5000)})
	lying := bytes.Clone(bomb)
	central := bytes.Index(lying, []byte("PK\x01\x02"))
	copy(lying[central+24:], []byte{10, 0, 0, 0}) // says it unpacks to 10 bytes
	locked := bytes.Clone(one("a", file, "x"))
	locked[bytes.Index(locked, []byte("PK\x01\x02"))+8] |= 1
	damaged := one("a", file, "hello")
	damaged[bytes.Index(damaged, []byte("PK\x01\x02"))+16]++ // the sum of the contents
	for _, c := range []struct {
		name string
		zip  []byte
		want string
	}{
		{"nothing", nil, unzip},
		{"no zip", []byte("<html>"), unzip},
		{"half a zip", bomb[:len(bomb)/2], unzip},
		{"a way out", one("../a", file, ""), unzip},
		{"a way out further down", one("d/../../a", file, ""), unzip},
		{"a way out that comes back", one("d/../a", file, ""), unzip},
		{"an absolute name", one("/etc/passwd", file, ""), unzip},
		{"a backslash", one(`..\a`, file, ""), unzip},
		{"a NUL", one("a\x00b", file, ""), unzip},
		{"a long name", one(strings.Repeat("a", 256), file, ""), unzip},
		{"a long path", one(strings.Repeat("a/", 600)+"b", file, ""), unzip},
		{"a name twice", pack(item{"a", file, "1"}, item{"a", file, "2"}), unzip},
		{"a name twice, written differently", pack(item{"d/a", file, "1"}, item{"d//a", file, "2"}), unzip},
		{"a file as a directory", pack(item{"a", file, "1"}, item{"a/b", file, "2"}), unzip},
		{"a file through a link", pack(item{"l", link, "d"}, item{"l/b", file, "2"}), unzip},
		{"a link out", one("l", link, "../x"), unzip},
		{"an absolute link", one("l", link, "/etc/passwd"), unzip},
		{"links that lead out together", pack(item{"d/e/f/up", link, "../../.."}, item{"p", link, "d/e/f/up/.."}), unzip},
		{"an empty link", one("l", link, ""), unzip},
		{"a device", one("dev", fs.ModeDevice|fs.ModeCharDevice|0o666, ""), unzip},
		{"a pipe", one("p", fs.ModeNamedPipe|0o666, ""), unzip},
		{"an encrypted file", locked, unzip},
		{"a file longer than it says", lying, unzip},
		{"damaged contents", damaged, unzip},
		{"too much", pack(item{"a", file, strings.Repeat("0", 9000)}, item{"b", file, strings.Repeat("0", 9000)}), "Unzipped size must be smaller than 10000 bytes"},
		{"too many", pack(slices.Repeat([]item{{"d/", fs.ModeDir, ""}}, 11)...), unzip},
	} {
		dir, err := unpack(t, c.zip, Limits{Bytes: 10000, Entries: 10})
		var e *Error
		if !errors.As(err, &e) || e.Message != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := os.Lstat(filepath.Join(filepath.Dir(dir), "a")); err == nil {
			t.Errorf("%s: something was written outside", c.name)
		}
	}
}

func TestAWSsLimit(t *testing.T) {
	if got := tooBig(MaxUnpacked).(*Error).Message; got != "Unzipped size must be smaller than 262144000 bytes" { //nolint:errorlint // it is one
		t.Error(got)
	}
}

// The law: whatever tree of files was packed comes out, and nothing else.
func TestWhatGoesInComesOut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		files := rapid.MapOfN(rapid.StringMatching(`[a-c]{1,2}(/[d-f]{1,2}){0,3}\.x`), rapid.StringN(0, 50, -1), 0, 12).Draw(rt, "files")
		var items []item
		for name, data := range files {
			items = append(items, item{name, file, data})
		}
		dir := t.TempDir()
		b := pack(items...)
		if _, err := Unpack(bytes.NewReader(b), int64(len(b)), dir, Limits{}); err != nil {
			rt.Fatal(err)
		}
		seen := 0
		for name, data := range files {
			if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != data || err != nil {
				rt.Errorf("%s: %q, want %q (%v)", name, got, data, err)
			}
		}
		_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, _ error) error {
			if d.Type().IsRegular() {
				seen++
			}
			return nil
		})
		if seen != len(files) {
			rt.Errorf("%d files came out, %d went in", seen, len(files))
		}
	})
}

// FuzzUnpack: no archive writes outside its directory, more than its limit, or
// anything but plain files, directories and links that stay inside.
func FuzzUnpack(f *testing.F) {
	f.Add(pack(item{"a", file, "1"}, item{"d/b", exe, "2"}, item{"l", link, "d/b"}))
	f.Add(pack(item{"../a", file, "1"}))
	f.Add(pack(item{"l", link, ".."}))
	f.Fuzz(func(t *testing.T, b []byte) {
		outer := t.TempDir()
		dir := filepath.Join(outer, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := Unpack(bytes.NewReader(b), int64(len(b)), dir, Limits{Bytes: 1 << 16, Entries: 100})
		var total int64
		_ = filepath.WalkDir(outer, func(p string, d fs.DirEntry, walkErr error) error {
			if walkErr != nil {
				return walkErr
			}
			if p != outer && p != dir && !strings.HasPrefix(p, dir+"/") {
				t.Errorf("%s is outside", p)
			}
			st, _ := d.Info()
			if st.Mode().IsRegular() {
				total += st.Size()
			}
			if err == nil && st.Mode()&fs.ModeSymlink != 0 {
				if real, err := filepath.EvalSymlinks(p); err == nil && real != dir && !strings.HasPrefix(real, dir+"/") {
					t.Errorf("%s leads to %s", p, real)
				}
			} else if !st.IsDir() && !st.Mode().IsRegular() && st.Mode()&fs.ModeSymlink == 0 {
				t.Errorf("%s is a %s", p, st.Mode())
			}
			return nil
		})
		if total > 1<<16+1 {
			t.Errorf("%d bytes were written", total)
		}
	})
}

// packages is a source that counts how often it is asked.
type packages struct {
	mu    sync.Mutex
	zips  map[string][]byte
	opens map[string]int
}

func (p *packages) open(_ context.Context, id string) (Archive, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opens == nil {
		p.opens = map[string]int{}
	}
	p.opens[id]++
	if p.zips[id] == nil {
		return nil, errors.New("no package " + id)
	}
	return memory{bytes.NewReader(p.zips[id])}, nil
}

func openTestCache(t *testing.T, maxBytes int64) *Cache {
	t.Helper()
	c, err := OpenCache(t.TempDir(), CacheOptions{MaxBytes: maxBytes, AllowDisk: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheCacheUnpacksOnce(t *testing.T) {
	c := openTestCache(t, 1<<20)
	p := &packages{zips: map[string][]byte{"a": pack(item{"f", file, "x"})}}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			r, err := c.Acquire(t.Context(), "a", p.open)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Release()
			if got := listing(r.Dir); got != "-r--r--r-- f x" {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	if p.opens["a"] != 1 {
		t.Errorf("it was opened %d times", p.opens["a"])
	}
}

func TestTheCacheMakesRoomButNotForCodeInUse(t *testing.T) {
	c := openTestCache(t, 2*(2*perEntry+int64(os.Getpagesize()))) // two of them
	p := &packages{zips: map[string][]byte{}}
	for _, id := range []string{"a", "b", "c"} {
		p.zips[id] = pack(item{"f", file, strings.Repeat(id, 400)})
	}
	get := func(id string) (*Ref, error) { return c.Acquire(t.Context(), id, p.open) }
	a, _ := get("a")
	b, _ := get("b")
	var full *FullError
	if _, err := get("c"); !errors.As(err, &full) {
		t.Errorf("while everything is used: %v", err)
	}
	b.Release()
	b.Release() // does nothing
	if _, err := get("c"); err != nil {
		t.Errorf("when b is not used: %v", err)
	}
	if _, err := os.Stat(a.Dir); err != nil {
		t.Errorf("code in use is gone: %v", err)
	}
	if _, err := os.Stat(b.Dir); err == nil {
		t.Error("b still takes room")
	}
}

func TestAFailureLeavesNothingAndIsTriedAgain(t *testing.T) {
	c := openTestCache(t, 1<<20)
	p := &packages{zips: map[string][]byte{"bad": []byte("no zip")}}
	for range 2 {
		var e *Error
		if _, err := c.Acquire(t.Context(), "bad", p.open); !errors.As(err, &e) {
			t.Errorf("got %v", err)
		}
	}
	if p.opens["bad"] != 2 {
		t.Errorf("it was opened %d times", p.opens["bad"])
	}
	if got := listing(c.dir); got != "" || c.bytes != 0 {
		t.Errorf("%d bytes are left:\n%s", c.bytes, got)
	}
	for _, id := range []string{"", "../x", "a/b", ".hidden", strings.Repeat("a", 129)} {
		if _, err := c.Acquire(t.Context(), id, p.open); err == nil {
			t.Errorf("the id %q was taken", id)
		}
	}
}

func TestLayersAreLaidOverEachOther(t *testing.T) {
	c := openTestCache(t, 1<<20)
	p := &packages{zips: map[string][]byte{
		"a": pack(item{"x", file, "a"}, item{"d/only-a", file, "a"}, item{"kind", file, "a"}, item{"l", link, "d"}),
		"b": pack(item{"x", file, "b"}, item{"d/only-b", file, "b"}, item{"kind/now", file, "b"}),
	}}
	r, err := c.AcquireMerged(t.Context(), []string{"a", "b"}, p.open)
	if err != nil {
		t.Fatal(err)
	}
	want := "drwxr-xr-x d\n-r--r--r-- d/only-a a\n-r--r--r-- d/only-b b\ndrwxr-xr-x kind\n-r--r--r-- kind/now b\nLrwxrwxrwx l -> d\n-r--r--r-- x b"
	if got := listing(r.Dir); got != want {
		t.Errorf("got:\n%s", got)
	}
	p.zips["c"] = pack(item{"d/e/f/up", link, "../../.."})
	p.zips["e"] = pack(item{"p", link, "d/e/f/up/.."})
	var e *Error
	if _, err := c.AcquireMerged(t.Context(), []string{"c", "e"}, p.open); !errors.As(err, &e) {
		t.Errorf("layers whose links lead out together: %v", err)
	}
}

func TestTheCacheInsistsOnMemory(t *testing.T) {
	dir := t.TempDir()
	if ok, _ := inMemory(dir); ok {
		t.Skip("the temporary directory of this machine is in memory already")
	}
	if _, err := OpenCache(dir, CacheOptions{}); !errors.Is(err, errNotMemory) {
		t.Errorf("got %v", err)
	}
	unmount, err := MountMemory(filepath.Join(dir, "m"), 1<<20)
	if err != nil {
		t.Skip(err)
	}
	defer unmount() //nolint:errcheck // the test's own
	if err := os.WriteFile(filepath.Join(dir, "m", "old"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCache(filepath.Join(dir, "m"), CacheOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := listing(c.dir); got != "" {
		t.Errorf("it was not wiped: %s", got)
	}
}
