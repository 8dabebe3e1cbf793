package secretsmanager

import (
	"errors"

	"cloister/internal/awsapi"
	"cloister/internal/store"
)

// none is the answer of operations that answer nothing.
var none = &awsapi.None{}

func val[T any](p *T) T { return awsapi.Val(p) }

func ptr[T any](v T) *T { return awsapi.Ptr(v) }

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func notFound() error {
	return awsapi.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

func noVersion(id string) error {
	return awsapi.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", id)
}

func noStage(stage string) error {
	return awsapi.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", stage)
}

func badRequest(format string, args ...any) error {
	return awsapi.Errorf("InvalidRequestException", format, args...)
}

func badParameter(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameterException", format, args...)
}

// overQuota begins with AWS's words and tells which quota.
func overQuota(format string, args ...any) error {
	return awsapi.Errorf("LimitExceededException", "The request failed because it would exceed one of the Secrets Manager quotas: "+format+".", args...)
}

func marked() error {
	return badRequest("You can't perform this operation on the secret because it was marked for deletion.")
}

// or404 turns the store's ErrNotFound into the API's error.
func or404(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound()
	}
	return err
}
