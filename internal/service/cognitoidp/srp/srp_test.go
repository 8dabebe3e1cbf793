package srp

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A client who knows the password is believed, one who does not is not, and a
// proof is good for its own exchange, user, block and time only.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user, password := rapid.String().Draw(t, "user"), rapid.String().Draw(t, "password")
		salt := NewSalt()
		verifier := Verifier(salt, "pool", user, password)
		client := NewClient()
		exchange, err := NewExchange(client.A())
		if err != nil {
			t.Fatal(err)
		}
		block := rapid.SliceOf(rapid.Byte()).Draw(t, "block")
		prove := func(password string) []byte {
			proof, err := client.Prove(hex.EncodeToString(salt), exchange.Challenge(verifier), "pool", user, password, block, "now")
			if err != nil {
				t.Fatal(err)
			}
			return proof
		}
		good := prove(password)
		if !exchange.Verify(verifier, "pool", user, block, "now", good) {
			t.Fatal("the right password is refused")
		}
		if exchange.Verify(verifier, "pool", user, block, "now", prove(password+"x")) {
			t.Fatal("a wrong password is taken")
		}
		other, _ := NewExchange(client.A())
		if other.Verify(verifier, "pool", user, block, "now", good) || exchange.Verify(verifier, "pool2", user, block, "now", good) ||
			exchange.Verify(verifier, "pool", user+"x", block, "now", good) || exchange.Verify(verifier, "pool", user, append(block, 1), "now", good) ||
			exchange.Verify(verifier, "pool", user, block, "later", good) || exchange.Verify(verifier, "pool", user, block, "now", good[:31]) {
			t.Fatal("a proof is good for something else")
		}
	})
}

// Numbers that would make the secret known are refused (RFC 5054, section 2.5.4).
func TestBadNumbers(t *testing.T) {
	twice := new(big.Int).Lsh(modulus, 1).Text(16)
	for _, a := range []string{"", "0", "00", prime, strings.ToLower(prime), twice, "-1", "0x10", "1_0", "g", " 1", "+1", strings.Repeat("f", 2*len(prime)+1)} {
		if _, err := NewExchange(a); err == nil {
			t.Errorf("%.20q is taken", a)
		}
		if (&Exchange{A: a, Secret: []byte{1}}).Verify([]byte{5}, "p", "u", nil, "t", make([]byte, 32)) {
			t.Errorf("%.20q proves something", a)
		}
	}
	if _, err := NewExchange("2"); err != nil {
		t.Error(err)
	}
}

// The constants are those that clients have built in
// (amazon-cognito-identity-js computes k as the hash of 00, N, 0 and g in hex).
func TestConstants(t *testing.T) {
	if modulus.BitLen() != 3072 || !modulus.ProbablyPrime(20) || !new(big.Int).Rsh(modulus, 1).ProbablyPrime(20) {
		t.Error("the modulus is no safe prime of 3072 bits")
	}
	raw, err := hex.DecodeString("00" + prime + "02")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(raw); new(big.Int).SetBytes(sum[:]).Cmp(multiplier) != 0 {
		t.Error("k is another")
	}
	for range 100 {
		if s := NewSalt(); s[0]&0xf0 == 0 || s[0]&0x80 != 0 {
			t.Fatalf("a salt begins with %x", s[0])
		}
	}
}

func FuzzPublic(f *testing.F) {
	for _, a := range []string{"", "2", prime, "00ff", "zz"} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, a string) {
		e, err := NewExchange(a)
		if err != nil {
			return
		}
		if b := e.Challenge([]byte{7}); b == "" {
			t.Error("no challenge")
		}
		if e.Verify([]byte{7}, "p", "u", nil, "t", []byte(a)) {
			t.Error("proved by nothing")
		}
	})
}
