package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// cursor reads entries in order, from segment to segment. After io.EOF or
// errTorn it stands where the next entry would begin and can be tried again,
// for a log that is still growing.
type cursor struct {
	dir  string
	at   position // of the next entry
	next int64    // its index, if all is well
	file *os.File // nil until the segment at.segment has been seen
	buf  *bufio.Reader
	raw  rawEntry
}

// cursorAt is a cursor that stands before the entry with index next.
func cursorAt(dir string, at position, next int64) *cursor {
	return &cursor{dir: dir, at: at, next: next, buf: bufio.NewReaderSize(nil, 1<<17)}
}

// cursorFrom is a cursor that stands before the entry with index from.
func cursorFrom(dir string, from int64) (*cursor, error) {
	firsts, err := segments(dir)
	if err != nil {
		return nil, err
	}
	var start int64
	for _, first := range firsts {
		if first <= from {
			start = first
		}
	}
	c := cursorAt(dir, position{segment: start}, start)
	for c.next < from {
		if _, err := c.read(); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// read reads the next entry, which is good until the next read. It does not
// judge what the entry says of itself.
func (c *cursor) read() (*rawEntry, error) {
	err := c.readHere()
	if err == io.EOF && c.at.segment != c.next && c.exists(c.next) {
		c.close()
		c.at = position{segment: c.next}
		err = c.readHere()
	}
	if err != nil {
		return nil, err
	}
	c.at.offset += c.raw.size()
	c.next++
	return &c.raw, nil
}

// readHere reads an entry of the present segment.
func (c *cursor) readHere() error {
	if err := c.open(); err != nil {
		return err
	}
	err := readEntry(c.buf, &c.raw)
	if err == nil {
		return nil
	}
	if failed := c.rewind(); failed != nil {
		return failed
	}
	return err
}

// open opens the present segment and checks its header.
func (c *cursor) open() error {
	if c.file != nil {
		return nil
	}
	f, err := os.Open(c.path(c.at.segment))
	if errors.Is(err, fs.ErrNotExist) {
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("audit: segment of the log: %w", err)
	}
	c.file = f
	if c.at.offset == 0 {
		err = c.readHeader()
	} else {
		err = c.rewind()
	}
	if err != nil {
		c.close()
	}
	return err
}

func (c *cursor) readHeader() error {
	c.buf.Reset(c.file)
	head := make([]byte, len(segmentHeader))
	if _, err := io.ReadFull(c.buf, head); err != nil {
		return tornUnless(err, false)
	}
	if string(head) != segmentHeader {
		return errTorn
	}
	c.at.offset = int64(len(segmentHeader))
	return nil
}

// rewind puts the reader back to the position of the next entry.
func (c *cursor) rewind() error {
	if _, err := c.file.Seek(c.at.offset, io.SeekStart); err != nil {
		return fmt.Errorf("audit: segment of the log: %w", err)
	}
	c.buf.Reset(c.file)
	return nil
}

func (c *cursor) path(first int64) string { return filepath.Join(c.dir, segmentName(first)) }

func (c *cursor) exists(first int64) bool {
	_, err := os.Stat(c.path(first))
	return err == nil
}

func (c *cursor) close() {
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}
