package policy

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a JSON string. Text that is not UTF-8 and surrogates without
// their partner are refused: two texts must not become the same value.
func (r *reader) string() (string, error) {
	start := r.at
	r.at++
	var out []byte
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return string(out), nil
		case c == '\\':
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, char)
		case c < ' ':
			return "", faultf(r.at, "control character in a string; write it as an escape")
		default:
			char, size := utf8.DecodeRune(r.text[r.at:])
			if char == utf8.RuneError && size == 1 {
				return "", faultf(r.at, "the text is not UTF-8")
			}
			out = append(out, r.text[r.at:r.at+size]...)
			r.at += size
		}
	}
	return "", faultf(start, "the string does not end")
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (r *reader) escape() (rune, error) {
	start := r.at
	r.at++
	c := r.peek()
	if c == 'u' {
		return r.unicodeEscape(start)
	}
	char, ok := escapes[c]
	if !ok {
		return 0, faultf(start, "unknown escape in a string")
	}
	r.at++
	return char, nil
}

func (r *reader) unicodeEscape(start int) (rune, error) {
	char, ok := r.hex()
	if ok && utf16.IsSurrogate(char) {
		var low rune
		ok = r.peek() == '\\'
		if ok {
			r.at++
			low, ok = r.hex()
		}
		char = utf16.DecodeRune(char, low)
		ok = ok && char != utf8.RuneError
	}
	if !ok {
		return 0, faultf(start, `\u must be followed by four hexadecimal digits that name a character`)
	}
	return char, nil
}

// hex reads "uXXXX".
func (r *reader) hex() (rune, bool) {
	if r.peek() != 'u' || r.at+5 > len(r.text) {
		return 0, false
	}
	v, err := strconv.ParseUint(string(r.text[r.at+1:r.at+5]), 16, 32)
	r.at += 5
	return rune(v), err == nil
}
