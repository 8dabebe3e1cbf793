package sigv4

import (
	"net/http"
	"strings"
)

// isS3 reports whether a signing name follows S3's rule: the path is escaped
// once and not normalised.
func isS3(service string) bool {
	return service == "s3" || service == "s3-outposts" || service == "s3-object-lambda" || service == "s3express"
}

// rawPath is the path as it was sent: r.URL has lost some of it.
func rawPath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	if path := r.URL.EscapedPath(); path != "" {
		return path
	}
	return "/"
}

// appendPath appends the canonical path. S3's is the path with each octet
// escaped in one way; a %2F stays apart from a slash. The others' is
// normalised and then escaped, which escapes for a second time what was
// escaped already.
func appendPath(dst []byte, path string, s3 bool) []byte {
	if !s3 {
		path = normalise(path)
	}
	for i := 0; i < len(path); i++ {
		c := path[i]
		if octet, ok := escaped(path[i:]); ok && s3 {
			dst = appendEscaped(dst, octet)
			i += 2
		} else if c == '/' {
			dst = append(dst, c)
		} else {
			dst = appendEscaped(dst, c)
		}
	}
	return dst
}

// normalise drops empty and "." segments, and each ".." with the segment
// before it (RFC 3986 section 5.2.4, and AWS's own rule for "//").
func normalise(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	out := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		out += "/"
	}
	return out
}
