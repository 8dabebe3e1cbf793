package ssm

import (
	"maps"
	"slices"

	"cloister/internal/awsapi"
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

func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", format, args...)
}

func notFound(name string) error {
	return awsapi.Errorf("ParameterNotFound", "Parameter %s not found.", name)
}

func noVersion(name, selector string) error {
	return awsapi.Errorf("ParameterVersionNotFound", "Systems Manager could not find version %s of %s. Verify the version and try again.", selector, name)
}

func denied(format string, args ...any) error {
	return awsapi.Errorf("AccessDenied", format, args...)
}
