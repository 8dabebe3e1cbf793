package invoke

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// The Runtime API's side of HTTP/1.1 (RFC 9112), no more than its clients use,
// because two exchanges of it are most of the cost of a warm invocation. What
// sends the bytes is hostile: every length is bounded before it is believed,
// and anything ambiguous (two lengths, folded lines, odd codings) ends the
// connection.
const (
	wireBuffer    = 8 << 10 // also the longest request line and the longest header we look at
	wireHeaders   = 100
	wireHeadBytes = 2 << 20 // aws-lambda-go sends an X-Ray cause of up to 1 MB in a header
	wireTrailer   = 512 << 10
)

// wireError is a request that cannot be answered and go on: its status is sent
// and the connection closed.
type wireError struct {
	status int
	reason string
}

func (e *wireError) Error() string { return fmt.Sprintf("%d %s", e.status, e.reason) }

func malformed(reason string) error { return &wireError{400, reason} }

// wireRequest is the head of one request; only what the Runtime API looks at.
type wireRequest struct {
	method       string
	path         string
	length       int64 // of the body; -1: chunked
	close        bool  // the client wants no further exchange
	old          bool  // HTTP/1.0, which knows no chunks
	expect       bool  // the client waits for "100 Continue"
	contentType  string
	responseMode string
	errorType    string
}

func readRequest(r *bufio.Reader) (*wireRequest, error) {
	line, err := requestLine(r)
	if err != nil {
		return nil, err
	}
	req := &wireRequest{}
	if err := req.parseLine(line); err != nil {
		return nil, err
	}
	return req, req.readHeaders(r)
}

// requestLine skips the empty lines that RFC 9112 2.2 lets a client send
// before a request.
func requestLine(r *bufio.Reader) ([]byte, error) {
	for range 4 {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, &wireError{414, "URI Too Long"}
		}
		if err != nil {
			return nil, err
		}
		if line = trimEOL(line); len(line) > 0 {
			return line, nil
		}
	}
	return nil, malformed("Bad Request")
}

func trimEOL(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

func (q *wireRequest) parseLine(line []byte) error {
	method, rest, ok := bytes.Cut(line, []byte(" "))
	target, version, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok || !ok2 || len(target) == 0 || target[0] != '/' {
		return malformed("Bad Request")
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		q.close, q.old = true, true
	default:
		return &wireError{505, "HTTP Version Not Supported"}
	}
	switch string(method) {
	case "GET":
		q.method = "GET"
	case "POST":
		q.method = "POST"
	default:
		return &wireError{405, "Method Not Allowed"}
	}
	q.path = string(target)
	return nil
}

// headState is what is remembered between header lines.
type headState struct{ lines, bytes, lengths, codings int }

func (q *wireRequest) readHeaders(r *bufio.Reader) error {
	var st headState
	for {
		line, err := r.ReadSlice('\n')
		st.bytes += len(line)
		if errors.Is(err, bufio.ErrBufferFull) {
			if err := st.skipLong(r, line); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return unexpected(err)
		}
		line = trimEOL(line)
		if len(line) == 0 {
			return q.checkHead(st)
		}
		if st.lines++; st.lines > wireHeaders || st.bytes > wireHeadBytes {
			return tooLarge()
		}
		if err := q.header(line, &st); err != nil {
			return err
		}
	}
}

func tooLarge() error { return &wireError{431, "Request Header Fields Too Large"} }

// unexpected tells an end in the middle of a request from one between two.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// skipLong passes over a header that is longer than the buffer, unless it is
// one that matters.
func (st *headState) skipLong(r *bufio.Reader, start []byte) error {
	name, _, ok := bytes.Cut(start, []byte(":"))
	if !ok || known(name) != "" {
		return tooLarge()
	}
	for {
		part, err := r.ReadSlice('\n')
		if st.bytes += len(part); st.bytes > wireHeadBytes {
			return tooLarge()
		}
		if err == nil {
			st.lines++
			return nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return unexpected(err)
		}
	}
}

// The headers that are looked at, by their length first: it is checked for
// every header of every exchange.
var knownHeaders = []string{
	"content-length", "transfer-encoding", "connection", "expect", "content-type",
	"lambda-runtime-function-response-mode", "lambda-runtime-function-error-type",
	"lambda-runtime-function-error-body",
}

func known(name []byte) string {
	for _, k := range knownHeaders {
		if len(k) == len(name) && equalFold(name, k) {
			return k
		}
	}
	return ""
}

// equalFold compares ASCII letters without their case; lower is in lower case.
func equalFold(s []byte, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i, c := range s {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// token is what a header's name may be made of (RFC 9110 5.6.2).
var token = func() (t [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		t[c] = true
	}
	return t
}()

func splitHeader(line []byte) (name, value []byte, err error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 {
		return nil, nil, malformed("Bad Request")
	}
	for _, c := range name {
		if !token[c] { // also what folds a line and what puts a space before the colon
			return nil, nil, malformed("Bad Request")
		}
	}
	return name, bytes.Trim(value, " \t"), nil
}

func (q *wireRequest) header(line []byte, st *headState) error {
	name, value, err := splitHeader(line)
	if err != nil {
		return err
	}
	switch known(name) {
	case "content-length":
		st.lengths++
		q.length, err = parseLength(value)
	case "transfer-encoding":
		st.codings++
		if !equalFold(value, "chunked") {
			return &wireError{501, "Unsupported transfer encoding"}
		}
		q.length = -1
	case "connection":
		q.close = q.close || equalFold(value, "close")
	case "expect":
		if q.expect = equalFold(value, "100-continue"); !q.expect {
			return &wireError{417, "Expectation Failed"}
		}
	case "content-type":
		q.contentType = string(value)
	case "lambda-runtime-function-response-mode":
		q.responseMode = string(value)
	case "lambda-runtime-function-error-type":
		q.errorType = string(value)
	}
	return err
}

func parseLength(value []byte) (int64, error) {
	if len(value) == 0 || len(value) > 15 {
		return 0, malformed("Bad Request")
	}
	var n int64
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, malformed("Bad Request")
		}
		n = n*10 + int64(c-'0')
	}
	return n, nil
}

// checkHead refuses a head that says its length twice: what is ambiguous here
// could smuggle a request.
func (q *wireRequest) checkHead(st headState) error {
	if st.lengths+st.codings > 1 || (q.old && st.codings > 0) || (q.method == "GET" && q.length != 0) {
		return malformed("Bad Request")
	}
	return nil
}
