package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
)

// Keyring seals and opens values and blobs, and derives keys. It holds one
// stable key, from which MACs and derived keys come and which never changes
// for the life of the store, and one data key for each generation. New values
// are sealed under the newest generation; each says which one it needs.
//
// A Keyring is safe for concurrent use.
type Keyring struct {
	stable []byte
	data   atomic.Pointer[dataKeys]
	macs   macKeys
	home   *home
}

// dataKeys are the generations. They do not change: a new one makes new
// dataKeys.
type dataKeys struct {
	byID    map[uint32]*dataKey
	current *dataKey
}

// dataKey is one generation.
type dataKey struct {
	id     uint32
	values *xaes  // seals values
	blobs  []byte // input of each blob's own key
}

func newDataKey(id uint32, key []byte) *dataKey {
	return &dataKey{
		id:     id,
		values: newXAES(subkey(key, "values", keySize)),
		blobs:  subkey(key, "blobs", keySize),
	}
}

func newKeyring(r *ring, h *home) *Keyring {
	k := &Keyring{stable: r.Stable, home: h}
	h.ring = r
	k.data.Store(newDataKeys(r))
	return k
}

func newDataKeys(r *ring) *dataKeys {
	d := &dataKeys{byID: map[uint32]*dataKey{}}
	for _, g := range r.Generations {
		d.current = newDataKey(g.ID, g.Key)
		d.byID[g.ID] = d.current
	}
	return d
}

// Derive returns n bytes of key for one purpose, the same for the life of the
// store. Purposes are constants of the program, one for each use. At most
// 8160 bytes can be had (RFC 5869).
func (k *Keyring) Derive(purpose string, n int) []byte {
	return subkey(k.stable, "derive/"+purpose, n)
}

// subkey is HKDF-SHA256 (RFC 5869) without salt: every key here is uniformly
// random already.
func subkey(key []byte, purpose string, n int) []byte {
	return saltedSubkey(key, nil, purpose, n)
}

func saltedSubkey(key, salt []byte, purpose string, n int) []byte {
	out, err := hkdf.Key(sha256.New, key, salt, "cloister/v1/"+purpose, n)
	if err != nil {
		panic(fmt.Sprintf("derive %d bytes of key: %v", n, err)) // n is a constant of the program
	}
	return out
}
