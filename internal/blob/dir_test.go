package blob

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"cloister/internal/seal"

	"pgregory.net/rapid"
)

func testDir(t testing.TB) *Dir {
	t.Helper()
	d, err := OpenDir(filepath.Join(t.TempDir(), "blobs"), testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func put(t testing.TB, d *Dir, text string) string {
	t.Helper()
	id := NewID()
	if n, err := d.Put(context.Background(), id, strings.NewReader(text)); err != nil || n != int64(len(text)) {
		t.Fatalf("put %d of %d bytes: %v", n, len(text), err)
	}
	return id
}

// A Dir behaves as a map from ids to contents.
func TestDirIsAMap(t *testing.T) {
	keys, ctx := testKeys(t), context.Background()
	rapid.Check(t, func(t *rapid.T) {
		d, err := openDir(newFaultFS(), "blobs", keys)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]byte{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			step(t, d, want, idOf(rapid.IntRange(0, 5).Draw(t, "id")*0xabcdef))
		}
		var ids []string
		for id, err := range d.List(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		if len(ids) != len(want) || !slices.IsSorted(ids) {
			t.Fatalf("lists %v, want %d ids, sorted", ids, len(want))
		}
	})
}

func step(t *rapid.T, d *Dir, want map[string][]byte, id string) {
	ctx := context.Background()
	switch rapid.IntRange(0, 2).Draw(t, "what") {
	case 0:
		if want[id] != nil {
			return // each id is put once
		}
		text := bytes.Repeat([]byte(id), rapid.IntRange(0, 5000).Draw(t, "length"))
		if n, err := d.Put(ctx, id, bytes.NewReader(text)); err != nil || n != int64(len(text)) {
			t.Fatalf("put: %d, %v", n, err)
		}
		want[id] = append([]byte{}, text...)
	case 1:
		if err := d.Delete(ctx, id); err != nil {
			t.Fatal(err)
		}
		delete(want, id)
	case 2:
		got, err := readBlob(d, id)
		if want[id] == nil && errors.Is(err, ErrNotFound) {
			return
		}
		if err != nil || !bytes.Equal(got, want[id]) {
			t.Fatalf("read %d bytes, want %d: %v", len(got), len(want[id]), err)
		}
	}
}

func TestReaderReadsRanges(t *testing.T) {
	d := testDir(t)
	text := strings.Repeat("0123456789", 20_000)
	r, err := d.Open(context.Background(), put(t, d, text))
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, []byte(text)); err != nil {
		t.Error(err)
	}
	p := make([]byte, 100_000)
	if n, err := r.ReadAt(p, 50_003); n != len(p) || err != nil || string(p) != text[50_003:150_003] {
		t.Errorf("range: %d, %v", n, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenReaderOutlivesItsBlob(t *testing.T) {
	d := testDir(t)
	id := put(t, d, "hello")
	r, err := d.Open(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if err := d.Delete(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
}

// An id is never a path.
func TestOnlyIDsAreTaken(t *testing.T) {
	d, ctx := testDir(t), context.Background()
	for _, id := range []string{
		"", "../../../../etc/passwd", strings.Repeat("/", 32), strings.Repeat(".", 32), strings.Repeat("a", 31),
		strings.Repeat("a", 33), strings.Repeat("A", 32), strings.Repeat("a", 31) + "\x00", strings.Repeat("g", 32), "../" + NewID()[3:],
	} {
		_, err1 := d.Put(ctx, id, strings.NewReader("x"))
		_, err2 := d.Open(ctx, id)
		err3 := d.Delete(ctx, id)
		if err1 == nil || err2 == nil || err3 == nil {
			t.Errorf("%q was taken: %v, %v, %v", id, err1, err2, err3)
		}
	}
	if a, b := NewID(), NewID(); !validID(a) || a == b {
		t.Errorf("new ids %s, %s", a, b)
	}
}

// files lists all below a directory, from there.
func files(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestContentIsNotOnTheDisk(t *testing.T) {
	d := testDir(t)
	id := put(t, d, strings.Repeat("attack at dawn ", 10_000))
	got := files(t, d.dir)
	if !slices.Equal(got, []string{filepath.Join(id[:2], id)}) {
		t.Fatalf("files %v", got)
	}
	path := filepath.Join(d.dir, got[0])
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Contains(raw, []byte("attack")) {
		t.Errorf("readable on the disk, %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestExchangedAndDamagedFilesAreRefused(t *testing.T) {
	d := testDir(t)
	a, b := put(t, d, "content of a"), put(t, d, strings.Repeat("b", 200_000))
	raw, err := os.ReadFile(d.path(a))
	if err != nil {
		t.Fatal(err)
	}
	damage := func(id string, content []byte) {
		t.Helper()
		if err := os.WriteFile(d.path(id), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readBlob(d, id); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("damaged blob: %v", err)
		}
	}
	whole, _ := os.ReadFile(d.path(b))
	damage(b, raw)
	damage(b, whole[:len(whole)/2])
	whole[100_000] ^= 1
	damage(b, whole)
	damage(a, nil)
}

func TestCheckFindsWhatShouldNotBe(t *testing.T) {
	d := testDir(t)
	good, orphan, damaged := put(t, d, "good"), put(t, d, "orphan"), put(t, d, "damaged")
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(d.dir, path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(damaged[:2], damaged), "not a blob")
	write("tmp/half", "half")
	write("00/notes.txt", "x")
	misplaced := strings.Repeat("f", 32)
	write("00/"+misplaced, "x")

	problems, err := d.Check(context.Background(), func(id string) bool { return id != orphan })
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, p := range problems {
		found[p.Path] = p.String()
	}
	for path, want := range map[string]string{
		filepath.Join(damaged[:2], damaged): "damaged",
		filepath.Join(orphan[:2], orphan):   "nothing refers",
		"tmp/half":                          "did not finish",
		"00/notes.txt":                      "not a blob's name",
		"00/" + misplaced:                   "not a blob's name",
	} {
		if !strings.Contains(found[path], want) {
			t.Errorf("%s: %q, want %q", path, found[path], want)
		}
		delete(found, path)
	}
	if len(found) != 0 || found[good] != "" {
		t.Errorf("found too much: %v", found)
	}

	if n, err := d.Clean(); n != 1 || err != nil {
		t.Errorf("cleaned %d, %v", n, err)
	}
	if slices.Contains(files(t, d.dir), "tmp/half") {
		t.Error("the half-written file is still there")
	}
}

// Clean on a running node leaves alone what is being written.
func TestCleanSparesRunningPuts(t *testing.T) {
	d := testDir(t)
	reader, writer := io.Pipe()
	done := make(chan error)
	id := NewID()
	go func() {
		_, err := d.Put(context.Background(), id, reader)
		done <- err
	}()
	_, _ = writer.Write([]byte("hello")) // returns when Put has read it
	if n, err := d.Clean(); n != 0 || err != nil {
		t.Errorf("cleaned %d, %v", n, err)
	}
	if problems, err := d.Check(context.Background(), nil); len(problems) != 0 || err != nil {
		t.Errorf("check: %v, %v", problems, err)
	}
	_ = writer.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got, err := readBlob(d, id); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestConcurrentPuts(t *testing.T) {
	d := testDir(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 5 {
				if _, err := d.Put(context.Background(), idOf(i*100+j), bytes.NewReader(content(j))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	problems, err := d.Check(context.Background(), nil)
	if err != nil || len(problems) != 0 || len(files(t, d.dir)) != 40 {
		t.Errorf("%v, %v, %d files", problems, err, len(files(t, d.dir)))
	}
}

func TestListAndCheckStop(t *testing.T) {
	d := testDir(t)
	put(t, d, "a")
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range d.List(canceled) {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if _, err := d.Check(canceled, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A writer is killed with SIGKILL over and over; what it said it had stored is
// there, and everything that is there is whole.
func TestKilledWriters(t *testing.T) {
	if dir := os.Getenv("BLOB_TEST_DIR"); dir != "" {
		writeUntilKilled(dir)
	}
	rounds := 3
	if os.Getenv("CLOISTER_LONG") != "" {
		rounds = 100
	}
	dir := t.TempDir()
	keys, err := seal.Open(seal.RootOptions{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	for round := range rounds {
		acknowledged = append(acknowledged, killedRun(t, dir, 3+round%7)...)
	}
	d, err := OpenDir(filepath.Join(dir, "blobs"), keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range acknowledged {
		if got, err := readBlob(d, id); err != nil || len(got) != 300_000 {
			t.Errorf("acknowledged blob: %d bytes, %v", len(got), err)
		}
	}
	history{}.verifyClean(t, d)
}

func writeUntilKilled(dir string) {
	keys, err := seal.Open(seal.RootOptions{Dir: dir})
	if err != nil {
		panic(err)
	}
	d, err := OpenDir(filepath.Join(dir, "blobs"), keys)
	if err != nil {
		panic(err)
	}
	for {
		id := NewID()
		if _, err := d.Put(context.Background(), id, bytes.NewReader(make([]byte, 300_000))); err != nil {
			panic(err)
		}
		fmt.Println("stored", id)
	}
}

// killedRun starts a writer, kills it after it has stored so many blobs, and
// returns all that it said.
func killedRun(t *testing.T, dir string, after int) (ids []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriters$")
	cmd.Env = append(os.Environ(), "BLOB_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "stored "); ok && validID(id) {
			ids = append(ids, id)
		}
		if len(ids) == after {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait() // it was killed
	if len(ids) < after {
		t.Fatalf("the writer stored only %d blobs", len(ids))
	}
	return ids
}
