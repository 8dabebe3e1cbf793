package seal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
)

// A sealed value is
//
//	format (1 byte) ‖ generation (4, big endian) ‖ nonce (24) ‖ ciphertext ‖ tag (16)
//
// under XAES-256-GCM. The additional data is the format and generation bytes,
// then table and key, each behind its length in 8 bytes: no two pairs of table
// and key give the same bytes.
const (
	formatValue = 1
	prefixSize  = 1 + 4
	headSize    = prefixSize + nonceSize

	// Overhead is how much longer a sealed value is than its plaintext.
	Overhead = headSize + tagSize
)

// ErrTampered is what a sealed value or blob gives that is not, byte for byte,
// what this keyring sealed for that table and key, or for that context.
var ErrTampered = errors.New("sealed data does not open: it was changed, cut, moved from another place, or sealed under another root key; restore it, or the root key, from a backup")

// Seal encrypts plaintext so that it opens only under the same table and key.
// Sealing the same plaintext twice gives different bytes.
func (k *Keyring) Seal(table string, key, plaintext []byte) []byte {
	return k.AppendSeal(make([]byte, 0, Overhead+len(plaintext)), table, key, plaintext)
}

// AppendSeal appends what Seal returns to dst, whose spare room must not
// overlap plaintext.
func (k *Keyring) AppendSeal(dst []byte, table string, key, plaintext []byte) []byte {
	current := k.data.Load().current
	start := len(dst)
	dst = append(dst, formatValue)
	dst = binary.BigEndian.AppendUint32(dst, current.id)
	dst = append(dst, make([]byte, nonceSize)...)
	head := dst[start:]
	nonce := head[prefixSize:headSize]
	_, _ = rand.Read(nonce) // never fails
	var scratch [256]byte
	return current.values.seal(dst, nonce, plaintext, aad(scratch[:0], head, table, key))
}

// Open is the inverse of Seal. Its only error is ErrTampered, and then no
// plaintext is returned. The result does not share memory with sealed.
func (k *Keyring) Open(table string, key, sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != formatValue {
		return nil, ErrTampered
	}
	generation, ok := k.generation(binary.BigEndian.Uint32(sealed[1:]))
	if !ok {
		return nil, ErrTampered
	}
	var scratch [256]byte
	out := make([]byte, 0, len(sealed)-Overhead)
	out, err := generation.values.open(out, sealed[prefixSize:headSize], sealed[headSize:], aad(scratch[:0], sealed, table, key))
	if err != nil {
		return nil, ErrTampered
	}
	return out, nil
}

func aad(dst, sealed []byte, table string, key []byte) []byte {
	dst = append(dst, sealed[:prefixSize]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(table)))
	dst = append(dst, table...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(key)))
	return append(dst, key...)
}
