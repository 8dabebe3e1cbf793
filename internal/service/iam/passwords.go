package iam

import (
	"crypto/rand"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/crypto/argon2"

	"cloister/internal/seal"
)

// password is what is kept of a password: enough to recognise it, with the
// parameters that it was hashed with.
type password struct {
	Hash      seal.Secret // argon2id (RFC 9106)
	Salt      []byte
	Time      uint32
	MemoryKiB uint32
	Threads   uint8
}

// hashing has one password at a time take memory, however many are set at once.
var hashing sync.Mutex

// newPassword hashes a password.
func newPassword(text string) password {
	p := password{Salt: make([]byte, 16), Time: 2, MemoryKiB: 19 << 10, Threads: 1}
	_, _ = rand.Read(p.Salt) // never fails
	p.Hash = p.hash(text)
	return p
}

func (p *password) hash(text string) seal.Secret {
	hashing.Lock()
	defer hashing.Unlock()
	return seal.NewSecret(argon2.IDKey([]byte(text), p.Salt, p.Time, p.MemoryKiB, p.Threads, 32))
}

// is reports whether p is of the password.
func (p *password) is(text string) bool { return p.Hash.Equal(p.hash(text)) }

// passwordPolicy is what an account asks of passwords.
type passwordPolicy struct {
	Length                         int64
	Symbols, Numbers, Upper, Lower bool
	AllowChange                    bool
	MaxAge                         int64 // days, 0 for no end
	NoReuse                        int64 // how many earlier passwords do not come again
	HardExpiry                     *bool
}

// passwordsKept is the most that a policy can ask to be remembered.
const passwordsKept = 24

// symbols are the characters that count as such
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html).
const symbols = "!@#$%^&*()_+-=[]{}|'"

// classes is which kinds of characters a password has.
type classes struct{ upper, lower, number, symbol bool }

func classesOf(text string) (c classes) {
	for _, r := range text {
		c.upper = c.upper || r <= unicode.MaxASCII && unicode.IsUpper(r)
		c.lower = c.lower || r <= unicode.MaxASCII && unicode.IsLower(r)
		c.number = c.number || r >= '0' && r <= '9'
		c.symbol = c.symbol || strings.ContainsRune(symbols, r)
	}
	return c
}

// accepts gives PasswordPolicyViolation for a password that the policy, or
// where there is none AWS's own for all accounts, does not take. It never
// repeats the password.
func (p *passwordPolicy) accepts(text, account string) error {
	if p == nil {
		return acceptsByDefault(text, account)
	}
	has := classesOf(text)
	switch {
	case int64(len([]rune(text))) < p.Length:
		return passwordViolation("Password should have a minimum length of %d", p.Length)
	case p.Symbols && !has.symbol:
		return passwordViolation("Password should have at least one symbol")
	case p.Numbers && !has.number:
		return passwordViolation("Password should have at least one number")
	case p.Upper && !has.upper:
		return passwordViolation("Password should have at least one uppercase character")
	case p.Lower && !has.lower:
		return passwordViolation("Password should have at least one lowercase character")
	}
	return nil
}

// defaultLength is the length that AWS asks for where the account asks nothing.
const defaultLength = 8

func acceptsByDefault(text, account string) error {
	if len([]rune(text)) < defaultLength {
		return passwordViolation("Password should have a minimum length of %d", defaultLength)
	}
	has, kinds := classesOf(text), 0
	for _, one := range []bool{has.upper, has.lower, has.number, has.symbol} {
		if one {
			kinds++
		}
	}
	if kinds < 3 {
		return passwordViolation("Password should have at least three of these: uppercase characters, lowercase characters, numbers, symbols")
	}
	if text == account {
		return passwordViolation("Password should not be the name of the account")
	}
	return nil
}
