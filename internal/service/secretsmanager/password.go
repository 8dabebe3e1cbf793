package secretsmanager

import (
	"crypto/rand"
	"math/big"
	"strings"

	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
)

const (
	lowercase   = "abcdefghijklmnopqrstuvwxyz"
	uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	numbers     = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

func (s *Service) randomPassword(_ *door.Call, in *api.GetRandomPasswordRequest) (*api.GetRandomPasswordResponse, error) {
	kinds := passwordKinds(in)
	all := strings.Join(kinds, "")
	length := int(or(in.PasswordLength, 32))
	required := 0
	if or(in.RequireEachIncludedType, true) {
		required = len(kinds)
	}
	switch {
	case all == "":
		return nil, badRequest("You can't exclude every kind of character: a password needs some.")
	case length < required:
		return nil, badParameter("Password length is too short based on the required types.")
	}
	var password []byte
	for _, kind := range kinds[:required] {
		password = append(password, kind[pick(len(kind))])
	}
	for len(password) < length {
		password = append(password, all[pick(len(all))])
	}
	for i := len(password) - 1; i > 0; i-- {
		j := pick(i + 1)
		password[i], password[j] = password[j], password[i]
	}
	return &api.GetRandomPasswordResponse{RandomPassword: ptr(string(password))}, nil
}

// passwordKinds are the kinds of characters that may be used, without those
// that are excluded.
func passwordKinds(in *api.GetRandomPasswordRequest) (kinds []string) {
	for _, k := range []struct {
		chars string
		use   bool
	}{
		{lowercase, !val(in.ExcludeLowercase)}, {uppercase, !val(in.ExcludeUppercase)}, {numbers, !val(in.ExcludeNumbers)},
		{punctuation, !val(in.ExcludePunctuation)}, {" ", val(in.IncludeSpace)},
	} {
		left := strings.Map(func(r rune) rune {
			if strings.ContainsRune(val(in.ExcludeCharacters), r) {
				return -1
			}
			return r
		}, k.chars)
		if k.use && left != "" {
			kinds = append(kinds, left)
		}
	}
	return kinds
}

func pick(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return int(i.Int64())
}
