package seal

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// SegmentReader reads a sealed blob from its start with Read, or anywhere with
// ReadAt. No byte is returned whose segment did not authenticate. ReadAt is
// safe for concurrent use, Read is not.
type SegmentReader struct {
	r      io.ReaderAt
	aead   cipher.AEAD
	size   int64 // of the plaintext
	last   int64 // number of the last segment
	offset int64 // of Read
	recent atomic.Pointer[openSegment]
}

// openSegment is a decrypted segment, kept for small reads in a row.
type openSegment struct {
	number    int64
	plaintext []byte
}

// NewSegmentReader opens a sealed blob of size bytes, read from r. It decrypts
// the last segment at once, so a blob that was cut or extended, or that was
// sealed for another context, is refused here with ErrTampered.
func (k *Keyring) NewSegmentReader(r io.ReaderAt, size int64, context []byte) (*SegmentReader, error) {
	header := make([]byte, segmentHeadSize)
	if size < segmentHeadSize+tagSize {
		return nil, ErrTampered
	}
	if err := readFullAt(r, header, 0); err != nil {
		return nil, err
	}
	key, ok := k.generation(binary.BigEndian.Uint32(header[1:]))
	if header[0] != formatSegments || !ok {
		return nil, ErrTampered
	}
	s := &SegmentReader{r: r, aead: segmentAEAD(key, header, context)}
	if err := s.measure(size - segmentHeadSize); err != nil {
		return nil, err
	}
	if _, err := s.segment(s.last); err != nil {
		return nil, err
	}
	return s, nil
}

// measure works out how many segments sealed bytes hold. A last segment
// without a byte, unless it is the only one, is not what a writer makes.
func (s *SegmentReader) measure(sealed int64) error {
	s.last = (sealed - 1) / sealedSegmentSize
	rest := sealed - s.last*sealedSegmentSize - tagSize
	if rest < 0 || (rest == 0 && s.last > 0) {
		return ErrTampered
	}
	s.size = s.last*segmentSize + rest
	return nil
}

// Size is the number of plaintext bytes.
func (s *SegmentReader) Size() int64 { return s.size }

// Read implements io.Reader.
func (s *SegmentReader) Read(p []byte) (int, error) {
	n, err := s.ReadAt(p, s.offset)
	s.offset += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ReadAt implements io.ReaderAt. It fails with ErrTampered where a segment
// does not authenticate.
func (s *SegmentReader) ReadAt(p []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, errors.New("read a sealed blob at a negative offset")
	}
	for n < len(p) {
		at := offset + int64(n)
		if at >= s.size {
			return n, io.EOF
		}
		plaintext, err := s.segment(at / segmentSize)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], plaintext[at%segmentSize:])
	}
	return n, nil
}

var sealedSegments = sync.Pool{New: func() any { return new([sealedSegmentSize]byte) }}

// segment decrypts one segment, or returns it from the last call.
func (s *SegmentReader) segment(number int64) ([]byte, error) {
	if recent := s.recent.Load(); recent != nil && recent.number == number {
		return recent.plaintext, nil
	}
	buf := sealedSegments.Get().(*[sealedSegmentSize]byte)
	defer sealedSegments.Put(buf)
	sealed := buf[:min(segmentSize, s.size-number*segmentSize)+tagSize]
	if err := readFullAt(s.r, sealed, segmentHeadSize+number*sealedSegmentSize); err != nil {
		return nil, err
	}
	nonce := segmentNonce(number, number == s.last)
	plaintext, err := s.aead.Open(nil, nonce[:], sealed, nil)
	if err != nil {
		return nil, ErrTampered
	}
	s.recent.Store(&openSegment{number, plaintext})
	return plaintext, nil
}

// readFullAt treats a file that is shorter than it was said to be as tampered
// with, and other errors as what they are.
func readFullAt(r io.ReaderAt, p []byte, offset int64) error {
	n, err := r.ReadAt(p, offset)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return ErrTampered
	}
	return fmt.Errorf("read a sealed blob: %w", err)
}
