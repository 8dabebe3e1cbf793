package cognitoidp

import (
	"context"
	"crypto/rand"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"cloister/internal/awsapi"
	"cloister/internal/seal"
	"cloister/internal/service/cognitoidp/srp"
)

// password is what is kept of a password, with the parameters that it was
// hashed with.
type password struct {
	Hash        seal.Secret // argon2id (RFC 9106)
	Salt        []byte
	Time        uint32
	MemoryKiB   uint32
	Threads     uint8
	SRPSalt     []byte
	SRPVerifier seal.Secret
	SRPUser     string // the name that is part of the verifier
	Temporary   bool
	Set         time.Time
}

// hashesAtOnce bounds what passwords take of the memory: so many times 19 MiB.
const hashesAtOnce = 4

func (s *Service) newPassword(ctx context.Context, p *pool, name, text string, temporary bool, at time.Time) (*password, error) {
	one := &password{Salt: make([]byte, 16), Time: 2, MemoryKiB: 19 << 10, Threads: 1, Temporary: temporary, Set: at, SRPUser: name}
	_, _ = rand.Read(one.Salt) // never fails
	var err error
	if one.Hash, err = s.hash(ctx, one, text); err != nil {
		return nil, err
	}
	one.SRPSalt = srp.NewSalt()
	one.SRPVerifier = seal.NewSecret(srp.Verifier(one.SRPSalt, p.shortID(), name, text))
	return one, nil
}

// shortID is the part of the pool's id behind the underscore.
func (p *pool) shortID() string {
	_, short, _ := strings.Cut(p.ID, "_")
	return short
}

// hash waits for its turn. The error is that of ctx.
func (s *Service) hash(ctx context.Context, p *password, text string) (seal.Secret, error) {
	select {
	case s.hashing <- struct{}{}:
	case <-ctx.Done():
		return seal.Secret{}, ctx.Err()
	}
	defer func() { <-s.hashing }()
	return seal.NewSecret(argon2.IDKey([]byte(text), p.Salt, p.Time, p.MemoryKiB, p.Threads, 32)), nil
}

// isPassword tells whether a password is p's. Of nobody's it takes as long to
// say no.
func (s *Service) isPassword(ctx context.Context, p *password, text string) (bool, error) {
	if p == nil {
		_, err := s.hash(ctx, &password{Salt: make([]byte, 16), Time: 2, MemoryKiB: 19 << 10, Threads: 1}, text)
		return false, err
	}
	sum, err := s.hash(ctx, p, text)
	return err == nil && p.Hash.Equal(sum), err
}

// symbols are the characters that count as such
// (https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html).
const symbols = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- "

const longestPassword = 256

// accepts refuses what the pool's policy does not take. It never repeats the
// password.
func (p *pool) accepts(text string) error {
	policy := p.Spec.Policies.PasswordPolicy
	var upper, lower, number, symbol bool
	for _, r := range text {
		upper = upper || unicode.IsUpper(r)
		lower = lower || unicode.IsLower(r)
		number = number || r >= '0' && r <= '9'
		symbol = symbol || strings.ContainsRune(symbols, r)
	}
	length := int64(utf8.RuneCountInString(text))
	switch {
	case length < val(policy.MinimumLength):
		return badPassword("Password not long enough")
	case length > longestPassword:
		return badPassword("Password too long")
	case text != strings.TrimSpace(text):
		return badPassword("Password must not begin or end with a space")
	case val(policy.RequireUppercase) && !upper:
		return badPassword("Password must have uppercase characters")
	case val(policy.RequireLowercase) && !lower:
		return badPassword("Password must have lowercase characters")
	case val(policy.RequireNumbers) && !number:
		return badPassword("Password must have numeric characters")
	case val(policy.RequireSymbols) && !symbol:
		return badPassword("Password must have symbol characters")
	}
	return nil
}

func badPassword(why string) error {
	return awsapi.Errorf("InvalidPasswordException", "Password did not conform with policy: %s", why)
}

// temporaryPassword makes one that every policy takes.
func (p *pool) temporaryPassword() string {
	n := max(int(val(p.Spec.Policies.PasswordPolicy.MinimumLength)), 8)
	return random("ABCDEFGHJKLMNPQRSTUVWXYZ", 1) + random("abcdefghijkmnpqrstuvwxyz", 1) + random(digits, 1) + random("!@#%&*?", 1) +
		random("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789", n+4)
}

// expired tells whether a temporary password was not used in time.
func (p *pool) expired(u *user, at time.Time) bool {
	days := val(p.Spec.Policies.PasswordPolicy.TemporaryPasswordValidityDays)
	return u.Password != nil && u.Password.Temporary && at.After(u.Password.Set.Add(time.Duration(days)*24*time.Hour))
}
