package apigatewayv2

import (
	"errors"

	"cloister/internal/awsapi"
	"cloister/internal/store"
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

func badRequest(format string, args ...any) error {
	return awsapi.Errorf("BadRequestException", format, args...)
}

func conflict(format string, args ...any) error {
	return awsapi.Errorf("ConflictException", format, args...)
}

func notFound(format string, args ...any) error {
	return awsapi.Errorf("NotFoundException", format, args...)
}

// orNotFound has a row that is missing be an error of the caller's.
func orNotFound(err error, what, id string) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound("Invalid %s identifier specified %s", what, id)
	}
	return err
}
