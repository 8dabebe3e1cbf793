package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// appendCanonical appends the canonical request
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request).
// It reports false when a signed header is not in the request.
func (s *Signature) appendCanonical(dst []byte, tokenSigned bool) ([]byte, bool) {
	dst = append(dst, s.request.Method...)
	dst = append(dst, '\n')
	dst = appendPath(dst, rawPath(s.request), isS3(s.Service))
	dst = append(dst, '\n')
	dst = appendQuery(dst, s.request.URL.RawQuery, s.skipped(tokenSigned))
	dst = append(dst, '\n')
	for _, name := range s.signed {
		var ok bool
		if dst, ok = appendHeader(dst, s.request, name); !ok {
			return dst, false
		}
	}
	dst = append(dst, '\n')
	dst = append(dst, s.names...)
	dst = append(dst, '\n')
	return append(dst, s.PayloadHash...), true
}

// skipped names the parameters that a presigned query's signature leaves out.
func (s *Signature) skipped(tokenSigned bool) []string {
	switch {
	case !s.Presigned:
		return nil
	case tokenSigned:
		return []string{"X-Amz-Signature"}
	}
	return []string{"X-Amz-Signature", "X-Amz-Security-Token"}
}

// appendHeader appends "name:value\n", the values of a repeated header joined
// with commas. net/http keeps some headers apart from the others.
func appendHeader(dst []byte, r *http.Request, name string) ([]byte, bool) {
	dst = append(dst, name...)
	dst = append(dst, ':')
	values := r.Header[http.CanonicalHeaderKey(name)]
	switch {
	case name == "host":
		dst = appendFolded(dst, r.Host)
	case name == "transfer-encoding" && len(r.TransferEncoding) > 0:
		dst = appendFolded(dst, strings.Join(r.TransferEncoding, ","))
	case name == "content-length" && len(values) == 0 && r.ContentLength >= 0:
		dst = strconv.AppendInt(dst, r.ContentLength, 10)
	case len(values) == 0:
		return dst, false
	default:
		for i, value := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendFolded(dst, value)
		}
	}
	return append(dst, '\n'), true
}

// appendFolded appends value without white space at its ends, and with one
// space for each run of it inside.
func appendFolded(dst []byte, value string) []byte {
	start, gap := len(dst), false
	for i := range len(value) {
		if c := value[i]; c == ' ' || (c >= '\t' && c <= '\r') {
			gap = true
			continue
		}
		if gap && len(dst) > start {
			dst = append(dst, ' ')
		}
		gap = false
		dst = append(dst, value[i])
	}
	return dst
}

// unsignedAmz returns a header that should have been signed and was not, or "".
// All x-amz- headers must be: "any x-amz-* headers in the request", says
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
// The session token need not: services exist whose clients add it afterwards,
// and it proves itself.
func (s *Signature) unsignedAmz() string {
	for name := range s.request.Header {
		if strings.HasPrefix(name, "X-Amz-") && name != "X-Amz-Security-Token" && !s.isSigned(name) {
			return name
		}
	}
	return ""
}

func (s *Signature) isSigned(name string) bool {
	_, found := slices.BinarySearchFunc(s.signed, name, compareFolded)
	return found
}

// compareFolded orders a lower-case name against one in any case.
func compareFolded(lower, name string) int {
	for i := range min(len(lower), len(name)) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if lower[i] != c {
			return int(lower[i]) - int(c)
		}
	}
	return len(lower) - len(name)
}
