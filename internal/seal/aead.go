package seal

import "crypto/rand"

// AEAD is XAES-256-GCM under a key of the caller's own, not of a keyring: a
// sealed text is nonce (24) ‖ ciphertext ‖ tag (16). It is safe for concurrent
// use and for as many texts as a key will ever see.
type AEAD struct{ x *xaes }

// AEADKeySize is the length of a key in bytes, AEADOverhead how much longer a
// sealed text is than its plaintext.
const (
	AEADKeySize  = keySize
	AEADOverhead = nonceSize + tagSize
)

// NewAEAD takes a key of AEADKeySize uniformly random bytes and keeps no
// reference to it.
func NewAEAD(key []byte) *AEAD {
	if len(key) != keySize {
		panic("seal: a key of another size")
	}
	return &AEAD{newXAES(key)}
}

// Seal appends the sealed plaintext to dst. It opens with the same aad only.
func (a *AEAD) Seal(dst, plaintext, aad []byte) []byte {
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return a.x.seal(append(dst, nonce[:]...), nonce[:], plaintext, aad)
}

// Open appends the plaintext to dst. Its only error is ErrTampered.
func (a *AEAD) Open(dst, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < AEADOverhead {
		return nil, ErrTampered
	}
	out, err := a.x.open(dst, sealed[:nonceSize], sealed[nonceSize:], aad)
	if err != nil {
		return nil, ErrTampered
	}
	return out, nil
}
