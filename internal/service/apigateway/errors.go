package apigateway

import (
	"crypto/rand"
	"maps"
	"slices"

	"cloister/internal/awsapi"
)

func ptr[T any](v T) *T { return &v }

func val[T any](p *T) T { return awsapi.Val(p) }

// or gives a value, or another where there is none.
func or[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func badRequest(format string, args ...any) error {
	return awsapi.Errorf("BadRequestException", format, args...)
}

func conflict(format string, args ...any) error {
	return awsapi.Errorf("ConflictException", format, args...)
}

func notFound(format string, args ...any) error {
	return awsapi.Errorf("NotFoundException", format, args...)
}

const idLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

// newID is a random id of so many letters and digits.
func newID(length int) string {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		// The remainder makes some letters likelier: ids are names, no secrets.
		b[i] = idLetters[int(b[i])%len(idLetters)]
	}
	return string(b)
}

// secretLetters are 64, so that each random byte gives one evenly.
const secretLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789aZ"

// newKeyValue is the value of an API key.
func newKeyValue() string {
	b := make([]byte, 40)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = secretLetters[b[i]&63]
	}
	return string(b)
}
