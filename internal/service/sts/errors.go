package sts

import (
	"net/http"

	"cloister/internal/awsapi"
)

// STS's errors in STS's own words.

func accessDenied(format string, args ...any) *awsapi.Error {
	e := awsapi.Errorf("AccessDenied", format, args...)
	e.Status = http.StatusForbidden
	return e
}

func validation(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("ValidationError", format, args...)
}

func invalidParameter(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("InvalidParameterValue", format, args...)
}

func tooLarge(percent int) *awsapi.Error {
	return awsapi.Errorf("PackedPolicyTooLarge", "Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
}
