package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

const (
	keySize   = 32
	nonceSize = 24
	tagSize   = 16
)

// xaes is XAES-256-GCM (https://c2sp.org/XAES-256-GCM): AES-256-GCM under a
// key derived for each record from the first half of a 192-bit nonce. Random
// nonces may be drawn for 2⁸⁰ records before a repetition is as likely as
// 2⁻³², where plain AES-GCM stops at 2³². The AES key schedule and the CMAC
// subkey are computed once. Safe for concurrent use.
type xaes struct {
	block cipher.Block
	k1    [aes.BlockSize]byte // CMAC subkey K1, NIST SP 800-38B section 6.1
}

func newXAES(key []byte) *xaes {
	x := &xaes{block: mustAES(key)}
	x.block.Encrypt(x.k1[:], x.k1[:])
	var carry byte
	for i := len(x.k1) - 1; i >= 0; i-- {
		x.k1[i], carry = x.k1[i]<<1|carry, x.k1[i]>>7
	}
	x.k1[len(x.k1)-1] ^= 0b10000111 & -carry
	return x
}

// aead returns the record's own AES-256-GCM; it takes nonce[12:].
func (x *xaes) aead(nonce []byte) cipher.AEAD {
	var key [keySize]byte
	for i := range 2 {
		half := key[i*aes.BlockSize : (i+1)*aes.BlockSize]
		copy(half, []byte{0, byte(i + 1), 'X', 0})
		copy(half[4:], nonce[:12])
		subtle.XORBytes(half, half, x.k1[:])
		x.block.Encrypt(half, half)
	}
	return mustGCM(key[:])
}

func (x *xaes) seal(dst, nonce, plaintext, aad []byte) []byte {
	return x.aead(nonce).Seal(dst, nonce[12:], plaintext, aad)
}

func (x *xaes) open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	return x.aead(nonce).Open(dst, nonce[12:], ciphertext, aad)
}

func mustGCM(key []byte) cipher.AEAD {
	gcm, err := cipher.NewGCM(mustAES(key))
	if err != nil {
		panic(err) // AES has the block size that GCM needs
	}
	return gcm
}

func mustAES(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // every caller derives a key of 32 bytes
	}
	return block
}
