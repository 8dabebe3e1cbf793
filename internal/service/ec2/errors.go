package ec2

import (
	"cloister/internal/awsapi"
)

func val[T any](p *T) T { return awsapi.Val(p) }

func ptr[T any](v T) *T { return awsapi.Ptr(v) }

func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func badValue(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameterValue", format, args...)
}

func missing(parameter string) error {
	return awsapi.Errorf("MissingParameter", "The request must contain the parameter %s", parameter)
}

func notHere(format string, args ...any) error {
	return awsapi.Errorf("UnsupportedOperation", format, args...)
}

func dependency(what, id string) error {
	return awsapi.Errorf("DependencyViolation", "The %s '%s' has dependencies and cannot be deleted.", what, id)
}

// required refuses the first parameter that is not given; they are in pairs of
// name and value.
func required(pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		if p, ok := pairs[i+1].(*string); ok && (p == nil || *p == "") {
			return missing(pairs[i].(string))
		}
	}
	return nil
}
