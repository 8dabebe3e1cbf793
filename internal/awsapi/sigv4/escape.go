package sigv4

const upperHex = "0123456789ABCDEF"

// appendEscaped appends one octet as it is, when RFC 3986 calls it unreserved,
// or as %XX.
func appendEscaped(dst []byte, c byte) []byte {
	if isUnreserved(c) {
		return append(dst, c)
	}
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// escaped decodes the %XX that text begins with, if it does.
func escaped(text string) (octet byte, ok bool) {
	if len(text) < 3 || text[0] != '%' {
		return 0, false
	}
	high, ok1 := unhex(text[1])
	low, ok2 := unhex(text[2])
	return high<<4 | low, ok1 && ok2
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
