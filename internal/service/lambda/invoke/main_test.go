package invoke

import (
	"archive/zip"
	"bytes"
	"os"
	"testing"

	"cloister/internal/service/lambda/codepkg"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cloister-invoke")
	if err != nil {
		panic(err)
	}
	scratch = dir
	_ = os.Mkdir(dir+"/code", 0o700)
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

type memoryArchive struct{ *bytes.Reader }

func (memoryArchive) Close() error { return nil }

// zipOf packs files; all are executable.
func zipOf(files map[string]string) codepkg.Archive {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err != nil {
			panic(err)
		}
		_, _ = f.Write([]byte(text))
	}
	_ = w.Close()
	return memoryArchive{bytes.NewReader(b.Bytes())}
}
