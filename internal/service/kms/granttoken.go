package kms

import (
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// A grant token is the account, region, key id and grant id with a MAC of the
// node, in base64: nobody can make one for a grant that was not theirs to make.

const (
	tokenPurpose = "kms grant token"
	tokenTag     = 16
)

func (s *Service) token(g *grantRow) *string {
	text := []byte(strings.Join([]string{g.Account, g.Region, g.KeyID, g.ID}, " "))
	tag := s.seals.MAC(tokenPurpose, text)
	return ptr(base64.StdEncoding.EncodeToString(append(text, tag[:tokenTag]...)))
}

// grantID names a grant.
type grantID struct {
	key keyID
	id  string
}

func (s *Service) parseToken(token string) (grantID, error) {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) < tokenTag {
		return grantID{}, badToken()
	}
	text, given := raw[:len(raw)-tokenTag], raw[len(raw)-tokenTag:]
	tag := s.seals.MAC(tokenPurpose, text)
	parts := strings.Split(string(text), " ")
	if subtle.ConstantTimeCompare(tag[:tokenTag], given) != 1 || len(parts) != 4 {
		return grantID{}, badToken()
	}
	return grantID{keyID{parts[0], parts[1], parts[2]}, parts[3]}, nil
}

func badToken() error {
	return fail("InvalidGrantTokenException", "The grant token is not valid.")
}
