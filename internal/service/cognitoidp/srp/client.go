package srp

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math/big"
)

// Client is the other side, for tests and for clients written in Go. It is for
// one sign-in.
type Client struct{ secret, public *big.Int }

// NewClient begins a sign-in.
func NewClient() *Client {
	secret := make([]byte, 128)
	_, _ = rand.Read(secret) // never fails
	a := new(big.Int).SetBytes(secret)
	return &Client{a, new(big.Int).Exp(generator, a, modulus)}
}

// A is the client's public number, in hex.
func (c *Client) A() string { return hex.EncodeToString(c.public.Bytes()) }

// Prove answers a challenge: salt and the server's public number in hex. It
// refuses a server whose number is none.
func (c *Client) Prove(salt, b, pool, user, password string, block []byte, timestamp string) ([]byte, error) {
	saltBytes, err := hex.DecodeString(salt)
	if err != nil {
		return nil, err
	}
	server, ok := new(big.Int).SetString(b, 16)
	if !ok || new(big.Int).Mod(server, modulus).Sign() == 0 {
		return nil, errors.New("the server's SRP number is not one that may be")
	}
	u := new(big.Int).SetBytes(hash(padded(c.public), padded(server)))
	inner := hash([]byte(pool + user + ":" + password))
	x := new(big.Int).SetBytes(hash(padded(new(big.Int).SetBytes(saltBytes)), inner))
	base := new(big.Int).Exp(generator, x, modulus)
	base.Sub(server, base.Mul(base, multiplier))
	base.Mod(base, modulus)
	s := base.Exp(base, new(big.Int).Add(c.secret, new(big.Int).Mul(u, x)), modulus)
	return mac(derive(u, s), []byte(pool), []byte(user), block, []byte(timestamp)), nil
}
