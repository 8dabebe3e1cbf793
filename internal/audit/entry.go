package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

// A segment file is segmentHeader and then entries, each of which is
//
//	length of the sealed record  uint32, big-endian
//	index in the log             uint64, big-endian
//	leaf hash                    RFC 6962, over the sealed record
//	sealed record                seal.Keyring.Seal(sealTable, index, record)
//
// Length, index and hash follow from the sealed records: they are there so that
// a damaged entry is told from a moved one, and a torn one from both.
const (
	segmentHeader = "cloister-audit1\n"
	entryHeader   = 4 + 8 + tlog.HashSize
	maxSealed     = maxRecord + 1024 // room for the store sequence and the seal's own overhead
	sealTable     = "audit"
)

// rawEntry is an entry as it lies in a file. sealed belongs to the reader and is
// good until its next entry.
type rawEntry struct {
	index  int64
	leaf   tlog.Hash
	sealed []byte
	head   [entryHeader]byte // as it was read
}

// size is the number of bytes that the entry takes in its file.
func (e *rawEntry) size() int64 { return entryHeader + int64(len(e.sealed)) }

// whole says whether the sealed bytes are those that were hashed.
func (e *rawEntry) whole() bool { return tlog.RecordHash(e.sealed) == e.leaf }

// fits says whether the entry is whole and says that it belongs at index.
func (e *rawEntry) fits(index int64) bool { return e.index == index && e.whole() }

// appendEntry appends the encoding of a sealed record at its index to buf.
func appendEntry(buf []byte, index int64, leaf tlog.Hash, sealed []byte) []byte {
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(sealed)))
	buf = binary.BigEndian.AppendUint64(buf, uint64(index))
	buf = append(buf, leaf[:]...)
	return append(buf, sealed...)
}

// errTorn says that what follows is no whole entry: the end of an unfinished
// write, or damage.
var (
	errTorn  = errors.New("the bytes here are no whole record")
	errShort = fmt.Errorf("%w: the file ends within it", errTorn)
)

// readEntry reads one entry into e, whose buffer it reuses. It is io.EOF when
// nothing is left at all and errTorn when what is left is no entry; it does not
// look at the hash.
func readEntry(r io.Reader, e *rawEntry) error {
	head := e.head[:]
	if n, err := io.ReadFull(r, head); err != nil {
		return tornUnless(err, n == 0 && err == io.EOF)
	}
	length := binary.BigEndian.Uint32(head[:4])
	index := binary.BigEndian.Uint64(head[4:12])
	if length == 0 || length > maxSealed || index > 1<<62 {
		return errTorn
	}
	e.index = int64(index)
	copy(e.leaf[:], head[12:])
	if cap(e.sealed) < int(length) {
		e.sealed = make([]byte, length)
	}
	e.sealed = e.sealed[:length]
	_, err := io.ReadFull(r, e.sealed)
	return tornUnless(err, false)
}

// tornUnless maps the end of a file to errShort, unless the file may end there.
func tornUnless(err error, mayEnd bool) error {
	if err == nil || mayEnd {
		return err
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errShort
	}
	return err
}

// indexKey is the key that binds a sealed record to its place.
func indexKey(index int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(index))
}
