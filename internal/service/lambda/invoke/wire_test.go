package invoke

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Each case is a request as bytes and what is made of it.
func TestReadRequest(t *testing.T) {
	cases := []struct{ raw, want string }{
		{"GET /x HTTP/1.1\r\n\r\n", "GET /x"},
		{"GET /x HTTP/1.1\n\n", "GET /x"},
		{"\r\n\r\nGET /x HTTP/1.1\r\n\r\n", "GET /x"},
		{"GET /x HTTP/1.0\r\n\r\n", "GET /x close"},
		{"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", "GET /x close"},
		{"POST /x HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc", "POST /x abc"},
		{"POST /x HTTP/1.1\r\nContent-Length:3 \r\n\r\nabcd", "POST /x abc"},
		{"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: u\r\n\r\n", "POST /x abc"},
		{"POST /x HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 0\r\n\r\n", "POST /x expect"},
		{"POST /x HTTP/1.1\r\nX: " + strings.Repeat("y", 1<<20) + "\r\nContent-Length: 1\r\n\r\na", "POST /x a"},

		{"", "EOF"},
		{"GET /x HTTP/1.1\r\n", "unexpected EOF"},
		{"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", "unexpected EOF"},
		{"GET /x\r\n\r\n", "400"},
		{"GET x HTTP/1.1\r\n\r\n", "400"},
		{"GET http://h/x HTTP/1.1\r\n\r\n", "400"},
		{"GET /x HTTP/2.0\r\n\r\n", "505"},
		{"DELETE /x HTTP/1.1\r\n\r\n", "405"},
		{"get /x HTTP/1.1\r\n\r\n", "405"},
		{"GET /" + strings.Repeat("x", 9000) + " HTTP/1.1\r\n\r\n", "414"},
		{"GET /x HTTP/1.1\r\nno colon\r\n\r\n", "400"},
		{"GET /x HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", "400"},
		{"GET /x HTTP/1.1\r\nA : b\r\n\r\n", "400"},
		{"GET /x HTTP/1.1\r\nContent-Length: 1\r\n\r\na", "400"},
		{"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"},
		{"POST /x HTTP/1.1\r\nContent-Length: 0x3\r\n\r\nabc", "400"},
		{"POST /x HTTP/1.1\r\nContent-Length: 9999999999999999\r\n\r\nabc", "400"},
		{"POST /x HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400"},
		{"POST /x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		{"POST /x HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
		{"POST /x HTTP/1.1\r\nExpect: a miracle\r\n\r\n", "417"},
		{"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", "400"},
		{"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n\r\n", "400"},
		{"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", "400"},
		{"GET /x HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", 101) + "\r\n", "431"},
		{"GET /x HTTP/1.1\r\nX: " + strings.Repeat("y", 3<<20) + "\r\n\r\n", "431"},
		{"GET /x HTTP/1.1\r\nContent-Type: " + strings.Repeat("y", 1<<14) + "\r\n\r\n", "431"},
	}
	for _, c := range cases {
		if got := described(c.raw); got != c.want {
			t.Errorf("%.80q\n got %.80s\nwant %s", c.raw, got, c.want)
		}
	}
}

func described(raw string) string {
	r := bufio.NewReaderSize(strings.NewReader(raw), wireBuffer)
	req, err := readRequest(r)
	var body []byte
	if err == nil {
		body, _, err = newWireBody(r, req.length).readLimited(1 << 20)
	}
	if w := (*wireError)(nil); errors.As(err, &w) {
		return w.Error()[:3]
	}
	if err != nil {
		return err.Error()
	}
	parts := []string{req.method, req.path}
	if len(body) > 0 {
		parts = append(parts, string(body))
	}
	for word, ok := range map[string]bool{"close": req.close, "expect": req.expect} {
		if ok {
			parts = append(parts, word)
		}
	}
	return strings.Join(parts, " ")
}

// The law: a request that this parser takes, the standard library's takes too,
// if it takes the URL, and sees the same method, path, body and end. So no two
// readers can be made to disagree about where a request ends.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(raw), wireBuffer)
		req, err := readRequest(r)
		if err != nil {
			return
		}
		body, _, err := newWireBody(r, req.length).readLimited(1 << 20)
		if err != nil {
			return
		}
		rest, _ := io.ReadAll(r)
		std := bufio.NewReader(bytes.NewReader(bytes.TrimLeft(raw, "\r\n")))
		other, err := http.ReadRequest(std)
		if err != nil {
			return // stricter about URLs, hosts and values
		}
		otherBody, err := io.ReadAll(other.Body)
		otherRest, _ := io.ReadAll(std)
		if err != nil {
			return // stricter about trailers
		}
		if req.method != other.Method || req.path != other.RequestURI || !bytes.Equal(body, otherBody) || !bytes.Equal(rest, otherRest) {
			t.Errorf("%q: %s %s %q rest %q, but net/http: %s %s %q rest %q", raw, req.method, req.path, body, rest,
				other.Method, other.RequestURI, otherBody, otherRest)
		}
	})
}
