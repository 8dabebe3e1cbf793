package pebbleengine

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// cryptFS encrypts all files that pebble writes: logs, tables, manifests and
// options alike, so that not even the clear components of keys are on disk.
// Names, sizes and times of files stay visible.
//
// A file begins with a header of a magic, a random salt and a check value. Its
// content is encrypted with AES-256 in counter mode from counter 0, under a key
// of its own, HMAC-SHA256 of the salt under the file system's key. That is
// sound because pebble writes every file once, from beginning to end: no byte
// of a key stream is ever used twice. What could break the rule is refused or
// replaced: files are not opened for writing in place, and a log that pebble
// wants to reuse becomes a new file with a new salt. Counter mode rather than
// XTS, because a log grows by records of any length and each must be on disk
// as soon as it is written; there is no sector to complete.
//
// There is no authentication here. Pebble's checksums find accidents, and the
// store's own seal finds a value that was changed, moved or swapped.
type cryptFS struct {
	vfs.FS
	key []byte
}

const (
	magic      = "cloister"
	saltSize   = 32
	checkSize  = 8
	headerSize = len(magic) + saltSize + checkSize
)

var (
	errForeign  = errors.New("not a file of this store")
	errOtherKey = errors.New("written under another root key; give the one that the store was made with")
	errBroken   = errors.New("an earlier write to this file failed")
)

func (c cryptFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	inner, err := c.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails, says crypto/rand
	f := c.file(inner, salt)
	f.stream = f.streamAt(0)
	if _, err := inner.Write(c.header(salt)); err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return f, nil
}

func (c cryptFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	inner, err := c.FS.Open(name, opts...)
	if err != nil {
		return nil, err
	}
	salt, err := c.readHeader(inner)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, inner.Close()))
	}
	if salt == nil {
		return &emptyFile{inner}, nil
	}
	return c.file(inner, salt), nil
}

// OpenReadWrite would use a key stream twice. Pebble calls it only for its
// cache of shared storage.
func (c cryptFS) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return nil, errors.ErrUnsupported
}

// ReuseForWrite makes a new file, which the interface permits.
func (c cryptFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := c.FS.Remove(oldname); err != nil {
		return nil, err
	}
	return c.Create(newname, category)
}

func (c cryptFS) Stat(name string) (vfs.FileInfo, error) {
	info, err := c.FS.Stat(name)
	return contentInfo(info), err
}

func (c cryptFS) Unwrap() vfs.FS { return c.FS }

func (c cryptFS) mac(purpose string, salt []byte) []byte {
	h := hmac.New(sha256.New, c.key)
	h.Write([]byte(purpose))
	h.Write(salt)
	return h.Sum(nil)
}

func (c cryptFS) header(salt []byte) []byte {
	return bytes.Join([][]byte{[]byte(magic), salt, c.mac("check", salt)[:checkSize]}, nil)
}

// readHeader returns the file's salt, or nil for a file whose header never
// reached the disk: nothing in such a file was ever synced.
func (c cryptFS) readHeader(f vfs.File) (salt []byte, err error) {
	header := make([]byte, headerSize)
	n, err := f.ReadAt(header, 0)
	if n < headerSize {
		if err == io.EOF {
			return nil, nil
		}
		return nil, err
	}
	if bytes.Equal(header, make([]byte, headerSize)) {
		return nil, nil
	}
	if string(header[:len(magic)]) != magic {
		return nil, errForeign
	}
	salt = header[len(magic) : len(magic)+saltSize]
	if !hmac.Equal(header, c.header(salt)) {
		return nil, errOtherKey
	}
	return salt, nil
}

func (c cryptFS) file(inner vfs.File, salt []byte) *cryptFile {
	block, err := aes.NewCipher(c.mac("file", salt))
	if err != nil {
		panic(err) // the key has a fixed, valid length
	}
	return &cryptFile{File: inner, block: block}
}

// cryptFile is the content of a file. Offsets and sizes leave the header out.
type cryptFile struct {
	vfs.File
	block  cipher.Block
	stream cipher.Stream // of the next Write; nil in a file opened for reading
	broken bool          // a Write failed, so stream is no longer where the file is
	read   int64         // where Read goes on
}

// streamAt is the key stream from an offset of the content.
func (f *cryptFile) streamAt(offset int64) cipher.Stream {
	var counter [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[8:], uint64(offset/aes.BlockSize))
	s := cipher.NewCTR(f.block, counter[:])
	var skipped [aes.BlockSize]byte
	skip := skipped[:offset%aes.BlockSize]
	s.XORKeyStream(skip, skip)
	return s
}

// Write encrypts p in place, which vfs.File permits.
func (f *cryptFile) Write(p []byte) (int, error) {
	if f.stream == nil || f.broken {
		return 0, errBroken
	}
	f.stream.XORKeyStream(p, p)
	n, err := f.File.Write(p)
	f.broken = err != nil || n < len(p)
	return n, err
}

func (f *cryptFile) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }

func (f *cryptFile) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.File.ReadAt(p, offset+int64(headerSize))
	f.streamAt(offset).XORKeyStream(p[:n], p[:n])
	return n, err
}

func (f *cryptFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.read)
	f.read += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (f *cryptFile) Preallocate(offset, length int64) error {
	return f.File.Preallocate(offset+int64(headerSize), length)
}

func (f *cryptFile) SyncTo(length int64) (bool, error) {
	return f.File.SyncTo(length + int64(headerSize))
}

func (f *cryptFile) Prefetch(offset, length int64) error {
	return f.File.Prefetch(offset+int64(headerSize), length)
}

func (f *cryptFile) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	return contentInfo(info), err
}

// emptyFile is a file whose header was lost, to be read.
type emptyFile struct{ vfs.File }

func (emptyFile) Read([]byte) (int, error)          { return 0, io.EOF }
func (emptyFile) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

func (f emptyFile) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	return contentInfo(info), err
}

// content is the FileInfo of a file as seen above the encryption.
type content struct{ vfs.FileInfo }

func contentInfo(info vfs.FileInfo) vfs.FileInfo {
	if info == nil || info.IsDir() {
		return info
	}
	return content{info}
}

func (c content) Size() int64 { return max(0, c.FileInfo.Size()-int64(headerSize)) }

var _ os.FileInfo = content{}
