package cognitoidentity

import (
	"errors"
	"maps"
	"slices"

	"cloister/internal/awsapi"
	"cloister/internal/store"
)

func val[T any](p *T) T { return awsapi.Val(p) }

func ptr[T any](v T) *T { return awsapi.Ptr(v) }

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func isMissing(err error) bool { return errors.Is(err, store.ErrNotFound) }

func invalid(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameterException", format, args...)
}

func notAuthorized(format string, args ...any) error {
	return awsapi.Errorf("NotAuthorizedException", format, args...)
}

func noPool(id string) error {
	return awsapi.Errorf("ResourceNotFoundException", "IdentityPool '%s' not found.", id)
}

func noIdentity(id string) error {
	return awsapi.Errorf("ResourceNotFoundException", "Identity '%s' not found.", id)
}
