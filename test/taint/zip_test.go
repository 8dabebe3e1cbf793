package taint

import (
	"archive/zip"
	"bytes"
	"testing"
)

// zipOf is a deployment package of one stored file, whose text can be seen in
// it: compressed, a secret would not be found for the wrong reason.
func zipOf(t *testing.T, name, text string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
