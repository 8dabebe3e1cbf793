package kms

import (
	"encoding/binary"
	"strings"
)

// maxContext is how long an encryption context may be, in bytes of its encoding.
const maxContext = 8192

// checkContext refuses a context that is too long, and one of which two keys
// would be one condition key: a policy could not tell them apart.
func checkContext(context map[string]string) error {
	if len(context) == 0 {
		return nil
	}
	seen, size := make(map[string]struct{}, len(context)), 0
	for name, value := range context {
		size += len(name) + len(value) + 8
		lower := strings.ToLower(name)
		if _, twice := seen[lower]; twice {
			return invalid("Two keys of the encryption context differ in case only: condition keys of policies do not tell them apart.")
		}
		seen[lower] = struct{}{}
	}
	if size > maxContext {
		return invalid("The encryption context has %d bytes, and at most %d are taken.", size, maxContext)
	}
	return nil
}

// appendContext encodes a context so that no two contexts give the same bytes:
// the number of pairs, then each in the order of the keys, with lengths.
func appendContext(dst []byte, context map[string]string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(context)))
	for _, name := range keysOf(context) {
		dst = appendText(appendText(dst, name), context[name])
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}
