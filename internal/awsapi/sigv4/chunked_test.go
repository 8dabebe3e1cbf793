package sigv4

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"crypto/sha256"

	"cloister/internal/awsapi"

	"pgregory.net/rapid"
)

// stream is an aws-chunked upload, signed as the SDKs do it, in parts that the
// tests can change before they put them together.
type stream struct {
	s      *Signature
	key    SigningKey
	chunks []string // each with its line and CRLF
	tail   string   // last chunk and trailer
}

func newStream(t testing.TB, kind string, chunks ...string) *stream {
	t.Helper()
	body := strings.Join(chunks, "")
	r := newRequest(t, "PUT", "https://b.s3.amazonaws.com/k", "")
	r.Header.Set("X-Amz-Content-Sha256", kind)
	r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(len(body)))
	headers := []string{"host", "x-amz-content-sha256", "x-amz-date", "x-amz-decoded-content-length"}
	if kind != streamSigned {
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		headers = append(headers, "x-amz-trailer")
	}
	sign(t, r, kind, "s3", testTime, headers...)
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	s.AllowUnsignedPayload = kind == streamUnsignedTail
	st := &stream{s: s, key: DeriveKey(testSecret, s.Date, s.Region, s.Service)}
	if err := s.Verify(st.key, testTime); err != nil {
		t.Fatal(err)
	}
	st.encode(kind, chunks, body)
	return st
}

func (st *stream) encode(kind string, chunks []string, body string) {
	previous := st.s.signature
	signed := func(text, kind string, more ...string) string {
		sum := sha256.Sum256([]byte(text))
		signature := st.key.sign(sum[:], append([]string{algorithm + kind, st.s.stamp, st.s.scope, previous}, more...)...)
		previous = string(signature[:])
		return previous
	}
	line := func(data string) string {
		if kind == streamUnsignedTail {
			return fmt.Sprintf("%x\r\n", len(data))
		}
		return fmt.Sprintf("%x;chunk-signature=%s\r\n", len(data), signed(data, "-PAYLOAD", emptyHash))
	}
	for _, chunk := range chunks {
		st.chunks = append(st.chunks, line(chunk)+chunk+"\r\n")
	}
	st.tail = line("")
	if kind != streamSigned {
		sum := crc32.ChecksumIEEE([]byte(body))
		checksum := "x-amz-checksum-crc32:" + base64.StdEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
		st.tail += checksum + "\r\n"
		if kind == streamSignedTail {
			st.tail += "x-amz-trailer-signature:" + signed(checksum+"\n", "-TRAILER") + "\r\n"
		}
	}
	st.tail += "\r\n"
}

func (st *stream) text() string { return strings.Join(st.chunks, "") + st.tail }

func (st *stream) read(text string) (string, error) {
	body, err := io.ReadAll(st.s.Body(st.key, strings.NewReader(text)))
	return string(body), err
}

var streamKinds = []string{streamSigned, streamSignedTail, streamUnsignedTail}

func TestChunkedBodiesRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom(streamKinds).Draw(r, "kind")
		var chunks []string
		for range rapid.IntRange(0, 4).Draw(r, "chunks") {
			chunks = append(chunks, strings.Repeat("ab\r\n0;", rapid.IntRange(1, 2000).Draw(r, "size")))
		}
		st := newStream(t, kind, chunks...)
		got, err := st.read(st.text())
		if err != nil || got != strings.Join(chunks, "") {
			r.Fatalf("%s: decoded %d bytes, %v", kind, len(got), err)
		}
	})
}

func TestChunkedBodyIsAReader(t *testing.T) {
	for _, kind := range streamKinds {
		st := newStream(t, kind, "hello ", "world")
		for _, slow := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader} {
			if err := iotest.TestReader(st.s.Body(st.key, slow(strings.NewReader(st.text()))), []byte("hello world")); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
}

// refused reads a changed stream and wants an error that a client understands
// in place of io.EOF.
func refused(t *testing.T, name string, st *stream, text string) {
	t.Helper()
	got, err := st.read(text)
	var wire *awsapi.Error
	if !errors.As(err, &wire) {
		t.Errorf("%s: got %q and error %v", name, got, err)
	}
}

func TestEveryFlippedByteOfASignedStreamIsRefused(t *testing.T) {
	for _, kind := range []string{streamSigned, streamSignedTail} {
		st := newStream(t, kind, "hello ", "world")
		text := st.text()
		for i := range text {
			changed := []byte(text)
			changed[i] ^= 1
			refused(t, fmt.Sprintf("%s byte %d", kind, i), st, string(changed))
		}
	}
}

func TestEveryCutOfAStreamIsRefused(t *testing.T) {
	for _, kind := range streamKinds {
		st := newStream(t, kind, "hello ", "world")
		text := st.text()
		for n := range text {
			refused(t, fmt.Sprintf("%s cut to %d", kind, n), st, text[:n])
		}
		refused(t, kind+" extended", st, text+"\n")
	}
}

func TestRearrangedStreamsAreRefused(t *testing.T) {
	st := newStream(t, streamSigned, "hello ", "world")
	a, b, end := st.chunks[0], st.chunks[1], st.tail
	for name, text := range map[string]string{
		"swapped":           b + a + end,
		"repeated":          a + a + b + end,
		"first dropped":     b + end,
		"last dropped":      a + end,
		"ended in between":  a + end + b + end,
		"size with a sign":  "+" + a + b + end,
		"size of 17 digits": strings.Repeat("0", 16) + a + b + end,
		"no signature":      "6\r\nhello \r\n" + end,
		"endless line":      strings.Repeat("0", 10_000),
		"negative size":     "-" + a + b + end,
		"huge size":         "7fffffffffffffff" + a[1:] + b + end,
	} {
		refused(t, name, st, text)
	}
}

// What follows is not signed, or is signed by someone who lies.
func TestTrailersThatDoNotMatchAreRefused(t *testing.T) {
	st := newStream(t, streamUnsignedTail, "hello ", "world")
	body := strings.Join(st.chunks, "")
	good := "x-amz-checksum-crc32:DUoRhQ==\r\n"
	if _, err := st.read(body + "0\r\n" + good + "\r\n"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, code string }{
		"changed data":        {strings.Replace(st.text(), "world", "w0rld", 1), "BadDigest"},
		"other checksum":      {body + "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "BadDigest"},
		"none":                {body + "0\r\n\r\n", "MalformedTrailerError"},
		"another algorithm":   {body + "0\r\nx-amz-checksum-sha1:AAAA\r\n\r\n", "MalformedTrailerError"},
		"twice":               {body + "0\r\n" + good + good + "\r\n", "MalformedTrailerError"},
		"not announced":       {body + "0\r\n" + good + "x-amz-acl:public-read\r\n\r\n", "MalformedTrailerError"},
		"no colon":            {body + "0\r\nx-amz-checksum-crc32\r\n\r\n", "MalformedTrailerError"},
		"after the signature": {body + "0\r\nx-amz-trailer-signature:x\r\n" + good + "\r\n", "MalformedTrailerError"},
		"longer than it said": {"1\r\n!\r\n" + st.text(), "IncompleteBody"},
		"shorter":             {st.chunks[0] + st.tail, "IncompleteBody"},
		"an extension":        {"6;chunk-signature=00\r\nhello \r\n" + st.chunks[1] + st.tail, "IncompleteBody"},
	} {
		_, err := st.read(c.text)
		var wire *awsapi.Error
		if !errors.As(err, &wire) || wire.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func TestStreamsMustSayHowLongTheyAre(t *testing.T) {
	for length, code := range map[string]string{"": "MissingContentLength", "x": "MissingContentLength", "-1": "MissingContentLength", "10": "IncompleteBody", "12": "IncompleteBody"} {
		st := newStream(t, streamSigned, "hello ", "world")
		st.s.request.Header.Set("X-Amz-Decoded-Content-Length", length)
		_, err := st.read(st.text())
		var wire *awsapi.Error
		if !errors.As(err, &wire) || wire.Code != code {
			t.Errorf("length %q: %v, want %s", length, err, code)
		}
	}
}

func TestUnknownTrailersAreRefused(t *testing.T) {
	for _, name := range []string{"x-amz-checksum-md5", "crc32", "x-amz-acl", "x-amz-checksum-crc32,x-amz-meta-a"} {
		st := newStream(t, streamUnsignedTail, "x")
		st.s.request.Header.Set("X-Amz-Trailer", name)
		if _, err := st.read(st.text()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// Check values of "123456789", from the CRC catalogue and FIPS 180-4.
func TestChecksums(t *testing.T) {
	for name, want := range map[string]string{
		"crc32":     "cbf43926",
		"crc32c":    "e3069283",
		"crc64nvme": "ae8b14860a799888",
		"sha1":      "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
		"sha256":    "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
	} {
		h := checksums[name]()
		h.Write([]byte("123456789"))
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestStorageErrorsOfABodyPassThrough(t *testing.T) {
	st := newStream(t, streamSigned, "hello ", "world")
	broken := errors.New("connection reset")
	r := io.MultiReader(strings.NewReader(st.chunks[0]), iotest.ErrReader(broken))
	if _, err := io.ReadAll(st.s.Body(st.key, r)); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestHashedBody(t *testing.T) {
	r := newRequest(t, "PUT", "https://b.s3.amazonaws.com/k", "hello")
	r.Header.Set("X-Amz-Content-Sha256", hashOf("hello"))
	sign(t, r, hashOf("hello"), "s3", testTime, "host", "x-amz-content-sha256", "x-amz-date")
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	for body, good := range map[string]bool{"hello": true, "hell": false, "hello!": false, "": false} {
		got, err := io.ReadAll(s.Body(SigningKey{}, bytes.NewReader([]byte(body))))
		if (err == nil) != good || string(got) != body {
			t.Errorf("body %q: read %q, %v", body, got, err)
		}
	}
	s.HashBody([]byte("hell"))
	if s.Verify(DeriveKey(testSecret, s.Date, s.Region, s.Service), testTime) == nil {
		t.Error("another body than the hash says verifies")
	}
}
