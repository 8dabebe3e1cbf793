package sigv4

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"cloister/internal/awsapi"
)

// FuzzParse: no request, however malformed, panics, verifies without the key,
// or is answered with anything but a 4xx.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a%2Fb/../c?x=%zz&y+z=1&&=2 HTTP/1.1\r\nHost: a\r\nX-Amz-Date: 20261124T073000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=A/20261124/r/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=00\r\n\r\n",
		"POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20261124%2Fr%2Fsts%2Faws4_request&X-Amz-Date=20261124T073000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Security-Token=t HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
		"PUT //./%2e%2e/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nDate: Tue, 24 Nov 2026 07:30:00 GMT\r\nAuthorization: AWS4-HMAC-SHA256 Signature=0,SignedHeaders=content-length;host;transfer-encoding,Credential=A/20261124/r/iam/aws4_request\r\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			return
		}
		s, refused := Parse(r)
		if refused == nil && s != nil {
			s.HashBody(nil)
			refused = s.Verify(SigningKey{}, testTime)
			if refused == nil {
				t.Error("verified with a key of zeros")
			}
		}
		if refused != nil && (refused.Status < 400 || refused.Status > 499) {
			t.Errorf("status %d: %v", refused.Status, refused)
		}
	})
}

// FuzzChunks: nothing but the signed stream itself is read to its end.
func FuzzChunks(f *testing.F) {
	st := newStream(f, streamSignedTail, "hello ", "world")
	f.Add([]byte(st.text()))
	f.Add([]byte(st.chunks[0] + st.tail))
	f.Add([]byte("0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := io.ReadAll(st.s.Body(st.key, bytes.NewReader(text)))
		if err == nil && string(text) != st.text() {
			t.Errorf("another stream was taken: %q", text)
		}
	})
}

// FuzzUnsignedChunks: what is read to its end is as long as it said.
func FuzzUnsignedChunks(f *testing.F) {
	st := newStream(f, streamUnsignedTail, "hello ", "world")
	f.Add([]byte(st.text()))
	f.Add([]byte("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := io.ReadAll(st.s.Body(st.key, bytes.NewReader(text)))
		if err == nil && len(got) != len("hello world") {
			t.Errorf("decoded %d bytes", len(got))
		}
		var wire *awsapi.Error
		if err != nil && !errors.As(err, &wire) {
			t.Errorf("not a client's error: %v", err)
		}
	})
}
