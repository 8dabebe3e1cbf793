package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Key is a tuple that names a row. Its components are string, []byte, int64,
// uint64 or time.Time; other types give an error where the key is used.
// Tuples are ordered by their first different component, and a tuple comes
// before those that it begins. Times are kept to the nanosecond, in UTC.
type Key []any

// K makes a Key of its arguments; an int counts as an int64.
func K(parts ...any) Key {
	for i, p := range parts {
		if n, ok := p.(int); ok {
			parts[i] = int64(n)
		}
	}
	return Key(parts)
}

// errKey is what a key gives that the encoding does not know.
var errKey = errors.New("not a key of the store")

// The type of a component is its first byte. FoundationDB's tuple layer gave
// the idea; the codes are our own. No code is 0x00, which ends strings, or
// 0xff, which stands behind all components.
const (
	codeBytes  = 0x01
	codeString = 0x02
	codeInt    = 0x03
	codeUint   = 0x04
	codeTime   = 0x05
	codeHash   = 0x06 // keyed hash of a component, in engine keys only
	codeBehind = 0xff
)

// signBit makes two's complement order as unsigned bytes do.
const signBit = 1 << 63

// Bytes encodes the key so that bytes.Compare orders encodings as the tuples
// are ordered. It is fit for page tokens; [ParseKey] is the inverse.
func (k Key) Bytes() ([]byte, error) {
	var dst []byte
	for _, c := range k {
		var err error
		if dst, err = appendComponent(dst, c); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func appendComponent(dst []byte, c any) ([]byte, error) {
	switch v := c.(type) {
	case []byte:
		return appendEscaped(append(dst, codeBytes), v), nil
	case string:
		return appendEscaped(append(dst, codeString), v), nil
	case int64:
		return binary.BigEndian.AppendUint64(append(dst, codeInt), uint64(v)^signBit), nil
	case uint64:
		return binary.BigEndian.AppendUint64(append(dst, codeUint), v), nil
	case time.Time:
		dst = binary.BigEndian.AppendUint64(append(dst, codeTime), uint64(v.Unix())^signBit)
		return binary.BigEndian.AppendUint32(dst, uint32(v.Nanosecond())), nil
	}
	return nil, fmt.Errorf("%w: component of type %T", errKey, c)
}

// appendEscaped ends s with 0x00 and makes a 0x00 inside it 0x00 0xff, so that
// a string comes before those that it begins.
func appendEscaped[S string | []byte](dst []byte, s S) []byte {
	for i := range len(s) {
		dst = append(dst, s[i])
		if s[i] == 0 {
			dst = append(dst, 0xff)
		}
	}
	return append(dst, 0)
}

// ParseKey decodes what [Key.Bytes] encoded, and nothing else: bytes from
// outside, in a page token say, give an error unless they are a key's.
func ParseKey(b []byte) (Key, error) {
	var k Key
	for len(b) > 0 {
		c, rest, err := parseComponent(b)
		if err != nil {
			return nil, err
		}
		k, b = append(k, c), rest
	}
	return k, nil
}

func parseComponent(b []byte) (component any, rest []byte, err error) {
	code, b := b[0], b[1:]
	switch {
	case code == codeBytes || code == codeString:
		s, rest, ok := parseEscaped(b)
		if !ok {
			return nil, nil, fmt.Errorf("%w: string without end", errKey)
		}
		if code == codeString {
			return string(s), rest, nil
		}
		return s, rest, nil
	case code == codeInt && len(b) >= 8:
		return int64(binary.BigEndian.Uint64(b) ^ signBit), b[8:], nil
	case code == codeUint && len(b) >= 8:
		return binary.BigEndian.Uint64(b), b[8:], nil
	case code == codeTime && len(b) >= 12:
		return parseTime(b)
	}
	return nil, nil, fmt.Errorf("%w: code %#x, %d bytes left", errKey, code, len(b))
}

func parseEscaped(b []byte) (s, rest []byte, ok bool) {
	s = []byte{}
	for i := 0; i < len(b); i++ {
		if b[i] != 0 {
			s = append(s, b[i])
			continue
		}
		if i+1 == len(b) || b[i+1] != 0xff {
			return s, b[i+1:], true
		}
		s = append(s, 0)
		i++
	}
	return nil, nil, false
}

func parseTime(b []byte) (any, []byte, error) {
	seconds, nanos := int64(binary.BigEndian.Uint64(b)^signBit), binary.BigEndian.Uint32(b[8:])
	t := time.Unix(seconds, int64(nanos)).UTC()
	// Beyond what time.Time can hold, and for nanoseconds that carry, the
	// time that comes out is another one than was encoded.
	if t.Unix() != seconds || t.Nanosecond() != int(nanos) {
		return nil, nil, fmt.Errorf("%w: time out of range", errKey)
	}
	return t, b[12:], nil
}
