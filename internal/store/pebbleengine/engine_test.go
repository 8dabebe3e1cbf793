package pebbleengine

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cloister/internal/seal"
	"cloister/internal/store"
)

func TestSecondOpenerIsTold(t *testing.T) {
	dir := t.TempDir()
	db, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = openDir(dir)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "store")) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("opening a directory twice gives %v", err)
	}
}

func TestOtherRootKeyIsRefused(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(dir, newKeys(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, newKeys(t, t.TempDir())); err == nil || !strings.Contains(err.Error(), "another root key") {
		t.Errorf("opening with another root key gives %v", err)
	}
}

type secret struct{ Value string }

// TestNothingLegibleOnDisk writes values, hashed and clear key components and
// table names with a mark, through log and tables, and looks for the mark.
func TestNothingLegibleOnDisk(t *testing.T) {
	const mark = "CLOISTER-MARK"
	marked := store.Define[secret](mark+"-table", store.Clear(1),
		store.Index("name", func(v *secret) []store.Key { return []store.Key{store.K(v.Value)} }, store.Clear(0)))
	dir := t.TempDir()
	db, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3000 {
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			return marked.Put(tx, store.K(mark+"-hashed", mark+"-clear", n), &secret{strings.Repeat(mark, 20)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, when := range []string{"open", "closed"} {
		expectNoMark(t, filepath.Join(dir, "store"), mark, when)
		if when == "open" {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func expectNoMark(t *testing.T, dir, mark, when string) {
	t.Helper()
	var total int
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(mark)) || bytes.Contains(content, []byte("leveldb")) || bytes.Contains(content, []byte("rocksdb")) {
			t.Errorf("%s, while the store is %s, has legible content", path, when)
		}
		total += len(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if total < 3000*20*len(mark) {
		t.Errorf("only %d bytes on disk: this has looked in the wrong place", total)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(map[int]string{1: "1 writer", 16: "16 writers"}[writers], func(b *testing.B) {
			db := benchmarkStore(b)
			l := newLedger(b, db)
			jobs := make(chan struct{}, b.N)
			for range b.N {
				jobs <- struct{}{}
			}
			close(jobs)
			b.ResetTimer()
			done := make(chan error, writers)
			for w := range writers {
				go func() {
					for range jobs {
						if err := l.write(w, 200); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range writers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
		})
	}
}

// BenchmarkFdatasyncFloor is what one writer could reach at best: append as
// many bytes as an Update of the benchmark above does, and wait for the disk.
func BenchmarkFdatasyncFloor(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	record := bytes.Repeat([]byte{1}, 800)
	b.ResetTimer()
	for range b.N {
		if _, err := f.Write(record); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
}

func BenchmarkGet(b *testing.B) {
	db := benchmarkStore(b)
	l := newLedger(b, db)
	for range 2000 {
		if err := l.write(0, 200); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		err := db.View(context.Background(), func(r store.Reader) error {
			_, err := entries.Get(r, store.K(0, 1+i%2000))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	keys, err := seal.Open(seal.RootOptions{Dir: dir, Create: true})
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		e, err := Open(filepath.Join(dir, "store"), keys)
		if err != nil {
			b.Fatal(err)
		}
		db, err := store.Open(e, keys)
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkStore(b *testing.B) *store.DB {
	db, err := openDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db
}
