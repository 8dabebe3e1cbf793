package cognitoidp

import (
	"errors"
	"maps"
	"slices"

	"cloister/internal/awsapi"
	"cloister/internal/store"
)

func val[T any](p *T) T { return awsapi.Val(p) }

func ptr[T any](v T) *T { return awsapi.Ptr(v) }

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// errProvider is for what an identity provider answers that cannot be used.
var errProvider = errors.New("the identity provider's answer is not one to what was asked")

func isMissing(err error) bool { return errors.Is(err, store.ErrNotFound) }

func invalid(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameterException", format, args...)
}

func notFound(format string, args ...any) error {
	return awsapi.Errorf("ResourceNotFoundException", format, args...)
}

func notAuthorized(format string, args ...any) error {
	return awsapi.Errorf("NotAuthorizedException", format, args...)
}

func noPool(id string) error { return notFound("User pool %s does not exist.", id) }

func noClient(id string) error { return notFound("User pool client %s does not exist.", id) }

func noUser() error { return awsapi.Errorf("UserNotFoundException", "User does not exist.") }

func badCredentials() error { return notAuthorized("Incorrect username or password.") }

func limitExceeded(format string, args ...any) error {
	return awsapi.Errorf("LimitExceededException", format, args...)
}

func codeMismatch() error {
	return awsapi.Errorf("CodeMismatchException", "Invalid verification code provided, please try again.")
}

func expiredCode() error {
	return awsapi.Errorf("ExpiredCodeException", "Invalid code provided, please request a code again.")
}

func isCode(err error, code string) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && e.Code == code
}

func userNotConfirmed() error {
	return awsapi.Errorf("UserNotConfirmedException", "User is not confirmed.")
}

func passwordResetRequired() error {
	return awsapi.Errorf("PasswordResetRequiredException", "Password reset required for the user")
}

func unsupported(format string, args ...any) error {
	return awsapi.Errorf("UnsupportedOperationException", format, args...)
}

func awsapiUnsupportedToken() error {
	return awsapi.Errorf("UnsupportedTokenTypeException", "Unsupported token type.")
}

func awsapiScope(name string) error {
	return awsapi.Errorf("ScopeDoesNotExistException", "Invalid scope requested: %s", name)
}
