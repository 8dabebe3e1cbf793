package pebbleengine

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

func newCryptFS(key byte) (crypt cryptFS, plain *vfs.MemFS) {
	plain = vfs.NewMem()
	return cryptFS{plain, bytes.Repeat([]byte{key}, 32)}, plain
}

func writeFile(t rapid.TB, fs vfs.FS, name string, parts ...[]byte) {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if _, err := f.Write(bytes.Clone(p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func readFile(t rapid.TB, fs vfs.FS, name string) []byte {
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestFilesComeBackAndAreIllegible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs, plain := newCryptFS(1)
		parts := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 70), 0, 6).Draw(t, "parts")
		want := bytes.Join(parts, nil)
		writeFile(t, fs, "f", parts...)
		if got := readFile(t, fs, "f"); !bytes.Equal(got, want) {
			t.Fatalf("%x came back as %x", want, got)
		}
		info, err := fs.Stat("f")
		if err != nil || info.Size() != int64(len(want)) {
			t.Fatalf("the size is %d, %v, of %d", info.Size(), err, len(want))
		}
		if raw := readFile(t, plain, "f"); len(want) > 8 && bytes.Contains(raw, want) {
			t.Fatal("the content is on disk as it is")
		}
		checkReadAt(t, fs, want)
	})
}

func checkReadAt(t *rapid.T, fs vfs.FS, want []byte) {
	f, err := fs.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	from := rapid.IntRange(0, len(want)).Draw(t, "from")
	got := make([]byte, rapid.IntRange(0, len(want)-from).Draw(t, "length"))
	if n, err := f.ReadAt(got, int64(from)); n != len(got) || err != nil && err != io.EOF {
		t.Fatal(n, err)
	}
	if !bytes.Equal(got, want[from:from+len(got)]) {
		t.Fatalf("ReadAt %d gives %x", from, got)
	}
}

func TestNoKeyStreamTwice(t *testing.T) {
	fs, plain := newCryptFS(1)
	zeros := make([]byte, 64)
	writeFile(t, fs, "a", zeros)
	writeFile(t, fs, "b", zeros)
	streams := map[string]bool{
		string(readFile(t, plain, "a")[headerSize:]): true,
		string(readFile(t, plain, "b")[headerSize:]): true,
	}
	f, err := fs.ReuseForWrite("a", "c", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(zeros); err != nil {
		t.Fatal(err)
	}
	streams[string(readFile(t, plain, "c")[headerSize:])] = true
	if len(streams) != 3 {
		t.Error("two files were encrypted alike")
	}
	if _, err := fs.OpenReadWrite("b", vfs.WriteCategoryUnspecified); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("opening for writing in place gives %v", err)
	}
}

func TestHeaders(t *testing.T) {
	fs, plain := newCryptFS(1)
	other, _ := newCryptFS(2)
	writeFile(t, fs, "whole", []byte("content"))
	whole := readFile(t, plain, "whole")
	files := []struct {
		name    string
		content []byte
		want    error
	}{
		{"cut in the header", whole[:headerSize-1], nil},
		{"never synced, zeros", make([]byte, 4096), nil},
		{"foreign", bytes.Repeat([]byte("x"), 100), errForeign},
		{"other key", append(other.header(make([]byte, saltSize)), 1, 2, 3), errOtherKey},
	}
	for _, file := range files {
		t.Run(file.name, func(t *testing.T) {
			writeFile(t, plain, "f", file.content)
			f, err := fs.Open("f")
			if !errors.Is(err, file.want) {
				t.Fatalf("gives %v, want %v", err, file.want)
			}
			if err != nil {
				return
			}
			if content, err := io.ReadAll(f); len(content) > 0 || err != nil {
				t.Errorf("reads %q, %v, want nothing", content, err)
			}
		})
	}
}
