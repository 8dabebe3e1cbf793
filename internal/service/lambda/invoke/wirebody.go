package invoke

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// wireBody reads the body of one request. After io.EOF the trailers of a
// chunked body are known and the connection stands at the next request.
type wireBody struct {
	r       *bufio.Reader
	left    int64 // of the body, or of the current chunk
	chunked bool
	begun   bool // a chunk was read, whose line end must follow
	done    bool
	err     error

	keep      bool // somebody wants the trailers, which may be long:
	errorType string
	errorBody string
}

func newWireBody(r *bufio.Reader, length int64) *wireBody {
	if length < 0 {
		return &wireBody{r: r, chunked: true}
	}
	return &wireBody{r: r, left: length, done: length == 0}
}

func (b *wireBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 && !b.done && b.chunked {
		b.err = b.nextChunk()
	}
	if b.err == nil && b.done {
		b.err = io.EOF
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	b.done = b.done || (b.left == 0 && !b.chunked)
	if err != nil {
		b.err = unexpected(err)
	}
	return n, b.err
}

// nextChunk reads the line before a chunk, and after the last one the trailers.
func (b *wireBody) nextChunk() error {
	if b.begun {
		if line, err := b.line(); err != nil || len(line) != 0 {
			return firstError(err, malformed("Bad Request"))
		}
	}
	b.begun = true
	line, err := b.line()
	if err != nil {
		return err
	}
	if b.left, err = parseChunkSize(line); err != nil {
		return err
	}
	if b.left == 0 {
		b.done = true
		return b.readTrailers()
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// line reads a short line; it is valid until the next read.
func (b *wireBody) line() ([]byte, error) {
	line, err := b.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, malformed("Bad Request")
	}
	if err == nil && !bytes.HasSuffix(line, []byte("\r\n")) {
		return nil, malformed("Bad Request") // readers differ about bare line feeds between chunks
	}
	return trimEOL(line), unexpected(err)
}

func parseChunkSize(line []byte) (int64, error) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	digits = bytes.TrimRight(digits, " \t")
	if len(digits) == 0 || len(digits) > 8 {
		return 0, malformed("Bad Request")
	}
	var n int64
	for _, c := range digits {
		d := hexDigit(c)
		if d < 0 {
			return 0, malformed("Bad Request")
		}
		n = n<<4 | d
	}
	return n, nil
}

func hexDigit(c byte) int64 {
	switch {
	case '0' <= c && c <= '9':
		return int64(c - '0')
	case 'a' <= c && c <= 'f':
		return int64(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int64(c-'A') + 10
	}
	return -1
}

func (b *wireBody) readTrailers() error {
	limit := wireBuffer
	if b.keep {
		limit = wireTrailer
	}
	total := 0
	for {
		line, err := b.longLine(limit - total)
		if err != nil {
			return err
		}
		total += len(line)
		if len(line) == 0 {
			return nil
		}
		if err := b.trailer(line); err != nil {
			return err
		}
	}
}

func (b *wireBody) trailer(line []byte) error {
	name, value, err := splitHeader(line)
	switch known(name) {
	case "lambda-runtime-function-error-type":
		b.errorType = string(value)
	case "lambda-runtime-function-error-body":
		b.errorBody = string(value)
	}
	return err
}

// longLine reads a line that may be longer than the buffer.
func (b *wireBody) longLine(limit int) ([]byte, error) {
	var long []byte
	for {
		part, err := b.r.ReadSlice('\n')
		if len(long)+len(part) > limit {
			return nil, tooLarge()
		}
		if err == nil && long == nil {
			return trimEOL(part), nil
		}
		long = append(long, part...)
		if err == nil {
			return trimEOL(long), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, unexpected(err)
		}
	}
}

// readLimited reads the whole body. Beyond limit it goes on reading for a
// while without keeping anything, so that the client gets to hear the answer,
// and reports that it was too large.
func (b *wireBody) readLimited(limit int64) (data []byte, over bool, err error) {
	data, err = b.grow(limit)
	if err != nil || int64(len(data)) <= limit {
		return data, false, err
	}
	dropped, err := io.Copy(io.Discard, io.LimitReader(b, 8*limit))
	if err == nil && dropped == 8*limit {
		err = &wireError{413, "Payload Too Large"}
	}
	return nil, true, err
}

// grow reads up to one byte more than limit. It believes a declared length
// only as far as bytes arrive.
func (b *wireBody) grow(limit int64) ([]byte, error) {
	first := int64(512)
	if !b.chunked {
		first = min(b.left, 64<<10) + 1
	}
	data := make([]byte, 0, first)
	for int64(len(data)) <= limit {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		room := data[len(data):min(int64(cap(data)), limit+1)]
		n, err := b.Read(room)
		data = data[:len(data)+n]
		if errors.Is(err, io.EOF) {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}
