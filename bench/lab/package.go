package lab

import (
	"archive/zip"
	"bytes"
)

// Package is a deployment package of one executable. A mark that is not empty
// goes into a file of its own, so that packages of the same executable differ.
func Package(name string, executable []byte, mark string) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(0o755)
	f, err := w.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(executable); err != nil {
		return nil, err
	}
	if mark != "" {
		if f, err = w.Create("mark"); err != nil {
			return nil, err
		}
		if _, err := f.Write([]byte(mark)); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return b.Bytes(), err
}
