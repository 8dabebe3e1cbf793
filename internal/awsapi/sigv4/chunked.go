package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"io"
	"net/http"
	"strconv"

	"cloister/internal/awsapi"
)

// chunkReader decodes an aws-chunked body
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html):
//
//	HEX-SIZE[;chunk-signature=HEX] CRLF data CRLF … 0[;chunk-signature=HEX] CRLF [trailer] CRLF
//
// Each signature signs its chunk and the signature before it, the first one
// that of the request. The decoder takes exactly this and nothing after it.
// Memory is bounded by the reader's buffer.
type chunkReader struct {
	r        *bufio.Reader
	chain    *chain // nil when the chunks are not signed
	trailer  *trailer
	declared uint64 // length of the decoded body
	decoded  uint64
	left     uint64 // of the chunk that is being read
	err      error
}

// chain is the signatures so far.
type chain struct {
	key      SigningKey
	s        *Signature
	previous string
	claimed  string    // of the chunk that is being read
	hash     hash.Hash // of its data
}

func newChunkReader(s *Signature, key SigningKey, r io.Reader) *chunkReader {
	c := &chunkReader{r: bufio.NewReader(r)}
	if s.PayloadHash != streamUnsignedTail {
		c.chain = &chain{key: key, s: s, previous: s.signature, hash: sha256.New()}
	}
	var err error
	if c.declared, err = strconv.ParseUint(s.request.Header.Get("X-Amz-Decoded-Content-Length"), 10, 63); err != nil {
		c.err = &awsapi.Error{Code: "MissingContentLength", Message: "You must provide the Content-Length HTTP header.", Status: http.StatusLengthRequired}
	}
	if s.PayloadHash != streamSigned {
		c.trailer, err = newTrailer(s.request.Header.Values("X-Amz-Trailer"))
		if c.err == nil && err != nil {
			c.err = err
		}
	}
	return c
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, c.err
	}
	if c.err == nil && c.left == 0 {
		c.err = c.nextChunk()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p[:min(uint64(len(p)), c.left)])
	c.take(p[:n])
	if err == nil && c.left == 0 {
		err = c.endChunk()
	}
	if err != nil {
		c.err = truncated(err)
		return 0, c.err
	}
	return n, nil
}

// take accounts for data of the chunk.
func (c *chunkReader) take(data []byte) {
	c.left -= uint64(len(data))
	c.decoded += uint64(len(data))
	if c.chain != nil {
		c.chain.hash.Write(data)
	}
	if c.trailer != nil {
		c.trailer.write(data)
	}
}

// nextChunk reads a chunk's first line; at the last chunk it checks all that
// remains, and returns io.EOF when the body is good.
func (c *chunkReader) nextChunk() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	if err := c.parseSize(line); err != nil {
		return err
	}
	if c.left > c.declared-c.decoded {
		return wrongLength()
	}
	if c.left > 0 {
		return nil
	}
	if err := c.finish(); err != nil {
		return err
	}
	return io.EOF
}

func (c *chunkReader) parseSize(line []byte) error {
	size, extension, extended := bytes.Cut(line, []byte(";"))
	if c.chain != nil {
		claimed, ok := bytes.CutPrefix(extension, []byte("chunk-signature="))
		if !ok {
			return malformedBody()
		}
		c.chain.claimed = string(claimed)
	} else if extended {
		return malformedBody()
	}
	left, err := strconv.ParseUint(string(size), 16, 63)
	if err != nil || len(size) > 16 {
		return malformedBody()
	}
	c.left = left
	return nil
}

func (c *chunkReader) endChunk() error {
	if line, err := c.line(); err != nil || len(line) > 0 {
		return firstError(err, malformedBody())
	}
	return c.checkChunk()
}

func (c *chunkReader) checkChunk() error {
	if c.chain == nil {
		return nil
	}
	return c.chain.check(algorithm+"-PAYLOAD", emptyHash)
}

// finish checks that the length is the one that was declared, then the last
// chunk, the trailer, and that nothing follows.
func (c *chunkReader) finish() error {
	if c.decoded != c.declared {
		return wrongLength()
	}
	if err := c.checkChunk(); err != nil {
		return err
	}
	if c.trailer == nil {
		if line, err := c.line(); err != nil || len(line) > 0 {
			return firstError(err, malformedBody())
		}
	} else if err := c.readTrailer(); err != nil {
		return err
	}
	if _, err := c.r.ReadByte(); err != io.EOF {
		return firstError(err, malformedBody())
	}
	return nil
}

// readTrailer reads lines up to an empty one and checks what they say.
func (c *chunkReader) readTrailer() error {
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		if err := c.trailer.add(line); err != nil {
			return err
		}
	}
	if c.chain != nil {
		c.chain.claimed = c.trailer.signature
		c.chain.hash.Write(c.trailer.canonical)
		if err := c.chain.check(algorithm + "-TRAILER"); err != nil {
			return err
		}
	}
	return c.trailer.check()
}

// line reads one line and drops its CRLF. The result is good until the next
// read.
func (c *chunkReader) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return nil, malformedBody()
	}
	if err != nil {
		return nil, truncated(err)
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, malformedBody()
	}
	return line, nil
}

// check compares the claimed signature of what was hashed, and goes on to the
// next.
func (c *chain) check(kind string, more ...string) error {
	lines := append([]string{kind, c.s.stamp, c.s.scope, c.previous}, more...)
	want := c.key.sign(c.hash.Sum(nil), lines...)
	if subtle.ConstantTimeCompare(want[:], []byte(c.claimed)) != 1 {
		return mismatch()
	}
	c.previous = c.claimed
	c.hash.Reset()
	return nil
}

func firstError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// truncated gives the end of the data before the end of the body its name.
func truncated(err error) error {
	if err == io.EOF {
		return malformedBody()
	}
	return err
}

func malformedBody() error {
	return awsapi.Errorf("IncompleteBody", "The request body terminated unexpectedly")
}

func wrongLength() error {
	return awsapi.Errorf("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
}
