package network

import (
	"encoding/binary"
	"strings"

	"cloister/internal/netpolicy"
)

// mostHello bounds the bytes that are kept back until a flow's name is known.
const mostHello = 64 << 10

// firstBytes tells what the first bytes of a flow are. Unseen means that more
// are needed.
func firstBytes(b []byte) (netpolicy.TLS, string) {
	hello, enough := handshake(b)
	if hello == nil && enough {
		return netpolicy.Plain, ""
	}
	if !enough {
		return netpolicy.Unseen, ""
	}
	name, ok := serverName(hello)
	if !ok {
		return netpolicy.Hello, "" // a broken one names nobody
	}
	return netpolicy.Hello, strings.ToLower(strings.TrimSuffix(name, "."))
}

// handshake joins the records at the beginning of b to the ClientHello in them
// (RFC 8446, 5.1 and 4). It is nil for what is none; enough is false while it is
// not all there.
func handshake(b []byte) (hello []byte, enough bool) {
	if len(b) > 0 && b[0] != 22 || len(b) > 1 && b[1] != 3 {
		return nil, true
	}
	var joined []byte
	for len(b) >= 5 && b[0] == 22 {
		n := int(binary.BigEndian.Uint16(b[3:5]))
		part := b[5:min(len(b), 5+n)]
		joined = append(joined, part...)
		if len(joined) > 0 && joined[0] != 1 {
			return nil, true
		}
		if len(joined) >= 4 {
			if size := 4 + int(joined[1])<<16 + int(joined[2])<<8 + int(joined[3]); len(joined) >= size {
				return joined[4:size], true
			}
		}
		if len(part) < n {
			return nil, false
		}
		b = b[5+n:]
	}
	if len(b) > 0 && b[0] != 22 {
		return []byte{}, true // cut off by another record
	}
	return nil, false
}

// reader takes fields with a length before them off its front.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.ok = nil, false
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

// vector is a field whose length is in so many bytes.
func (r *reader) vector(size int) []byte {
	n := 0
	for _, c := range r.take(size) {
		n = n<<8 | int(c)
	}
	return r.take(n)
}

// serverName is the name in a ClientHello (RFC 6066, 3); false for a broken one
// or more than one name. A hello without a name gives "".
func serverName(hello []byte) (string, bool) {
	r := reader{hello, true}
	r.take(2 + 32)
	r.vector(1) // session
	r.vector(2) // ciphers
	r.vector(1) // compression
	if len(r.b) == 0 {
		return "", r.ok
	}
	extensions := reader{r.vector(2), true}
	name, seen := "", false
	for len(extensions.b) > 0 {
		kind := extensions.take(2)
		body := extensions.vector(2)
		if !extensions.ok || kind[0] != 0 || kind[1] != 0 {
			continue
		}
		if seen {
			return "", false
		}
		seen = true
		list := reader{body, true}
		names := reader{list.vector(2), true}
		which := names.take(1)
		host := names.vector(2)
		if !list.ok || !names.ok || len(names.b) > 0 || len(list.b) > 0 || which[0] != 0 {
			return "", false
		}
		name = string(host)
	}
	return name, r.ok && extensions.ok
}
