package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
)

var errSegmentWriterClosed = errors.New("write to a sealed blob after close")

// segmentWriter collects one segment at a time. It seals a full one only when
// more comes, because the last one is marked.
type segmentWriter struct {
	w      io.Writer
	aead   cipher.AEAD
	header []byte // until it is written
	buf    []byte // plaintext, capacity for the tag
	number int64
	err    error
}

// NewSegmentWriter returns a writer that seals what is written to it into w,
// readable by NewSegmentReader with the same context only. Close writes the
// end and must be called: without it the blob does not open. It does not close
// w. After an error nothing more is written. Not safe for concurrent use.
func (k *Keyring) NewSegmentWriter(w io.Writer, context []byte) io.WriteCloser {
	current := k.data.Load().current
	header := make([]byte, segmentHeadSize)
	header[0] = formatSegments
	binary.BigEndian.PutUint32(header[1:], current.id)
	_, _ = rand.Read(header[prefixSize:]) // never fails
	return &segmentWriter{
		w:      w,
		aead:   segmentAEAD(current, header, context),
		header: header,
		buf:    make([]byte, 0, sealedSegmentSize),
	}
}

func (s *segmentWriter) Write(p []byte) (n int, err error) {
	for s.err == nil && n < len(p) {
		if len(s.buf) == segmentSize {
			s.flush(false)
			continue
		}
		room := min(segmentSize-len(s.buf), len(p)-n)
		s.buf = append(s.buf, p[n:n+room]...)
		n += room
	}
	return n, s.err
}

func (s *segmentWriter) Close() error {
	if s.err != nil {
		return s.err
	}
	s.flush(true)
	if s.err != nil {
		return s.err
	}
	s.err = errSegmentWriterClosed
	return nil
}

func (s *segmentWriter) flush(last bool) {
	s.write(s.header)
	s.header = nil
	nonce := segmentNonce(s.number, last)
	s.write(s.aead.Seal(s.buf[:0], nonce[:], s.buf, nil))
	s.number++
	s.buf = s.buf[:0]
}

func (s *segmentWriter) write(p []byte) {
	if s.err == nil && len(p) > 0 {
		_, s.err = s.w.Write(p)
	}
}
