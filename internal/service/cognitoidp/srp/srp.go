package srp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
)

// prime is that of the 3072-bit group (RFC 5054, appendix A; RFC 3526, section 4).
const prime = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74" +
	"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437" +
	"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05" +
	"98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB" +
	"9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718" +
	"3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33" +
	"A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864" +
	"D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2" +
	"08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

var (
	modulus, _ = new(big.Int).SetString(prime, 16)
	generator  = big.NewInt(2)
	multiplier = new(big.Int).SetBytes(hash(padded(modulus), padded(generator)))
)

// ErrPublic is for a client's public number that is none.
var ErrPublic = errors.New("the client's SRP number is not one that may be")

// SaltSize is how many bytes a salt has.
const SaltSize = 16

// keyInfo goes into the derivation of the key of proofs, as Cognito has it.
const keyInfo = "Caldera Derived Key"

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// padded is a number that is not negative in two's complement.
func padded(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		return append([]byte{0}, b...)
	}
	return b
}

// NewSalt makes a salt whose first byte is neither zero nor has its first bit
// set: clients that read it as a number and those that do not then agree.
func NewSalt() []byte {
	salt := make([]byte, SaltSize)
	_, _ = rand.Read(salt) // never fails
	return Shape(salt)
}

// Shape makes 16 bytes the form of a salt of NewSalt's.
func Shape(salt []byte) []byte {
	salt[0] = salt[0]&0x7f | 0x10
	return salt
}

// Verifier is what the server keeps for a password. pool is the part of the
// pool's id behind its underscore.
func Verifier(salt []byte, pool, user, password string) []byte {
	inner := hash([]byte(pool + user + ":" + password))
	x := new(big.Int).SetBytes(hash(padded(new(big.Int).SetBytes(salt)), inner))
	return new(big.Int).Exp(generator, x, modulus).Bytes()
}

// Exchange is one run of the protocol, from the server's challenge to the
// client's proof.
type Exchange struct {
	A      string // the client's public number, in hex
	Secret []byte // the server's secret number
}

// NewExchange takes the client's public number, in hex. The error is ErrPublic.
func NewExchange(a string) (*Exchange, error) {
	if _, err := readPublic(a); err != nil {
		return nil, err
	}
	secret := make([]byte, 64)
	_, _ = rand.Read(secret) // never fails
	return &Exchange{A: a, Secret: secret}, nil
}

func readPublic(a string) (*big.Int, error) {
	if len(a) == 0 || len(a) > 2*len(prime) || strings.Trim(a, "0123456789abcdefABCDEF") != "" {
		return nil, ErrPublic
	}
	n, ok := new(big.Int).SetString(a, 16)
	if !ok || new(big.Int).Mod(n, modulus).Sign() == 0 {
		return nil, ErrPublic
	}
	return n, nil
}

// public is the server's public number: kv + g^b.
func (e *Exchange) public(verifier *big.Int) *big.Int {
	b := new(big.Int).Exp(generator, new(big.Int).SetBytes(e.Secret), modulus)
	b.Add(b, new(big.Int).Mul(multiplier, verifier))
	return b.Mod(b, modulus)
}

// Challenge is the server's public number, in hex.
func (e *Exchange) Challenge(verifier []byte) string {
	return hex.EncodeToString(e.public(new(big.Int).SetBytes(verifier)).Bytes())
}

// key is that of the proof. The error is ErrPublic.
func (e *Exchange) key(verifier []byte) ([]byte, error) {
	a, err := readPublic(e.A)
	if err != nil {
		return nil, err
	}
	v := new(big.Int).SetBytes(verifier)
	u := new(big.Int).SetBytes(hash(padded(a), padded(e.public(v))))
	if u.Sign() == 0 {
		return nil, ErrPublic
	}
	s := new(big.Int).Exp(v, u, modulus)
	s.Mul(s, a)
	s.Exp(s.Mod(s, modulus), new(big.Int).SetBytes(e.Secret), modulus)
	return derive(u, s), nil
}

func derive(u, s *big.Int) []byte {
	prk := mac(padded(u), padded(s))
	return mac(prk, []byte(keyInfo), []byte{1})[:16]
}

func mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// Verify tells whether a proof is by somebody who knows the password of the
// verifier and answers this exchange.
func (e *Exchange) Verify(verifier []byte, pool, user string, block []byte, timestamp string, proof []byte) bool {
	key, err := e.key(verifier)
	if err != nil {
		return false
	}
	return hmac.Equal(proof, mac(key, []byte(pool), []byte(user), block, []byte(timestamp)))
}
