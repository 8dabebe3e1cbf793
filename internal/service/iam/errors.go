package iam

import (
	"net/http"

	"cloister/internal/awsapi"
)

// IAM's errors in IAM's own words.

func noSuchEntity(format string, args ...any) *awsapi.Error {
	e := awsapi.Errorf("NoSuchEntity", format, args...)
	e.Status = http.StatusNotFound
	return e
}

func alreadyExists(format string, args ...any) *awsapi.Error {
	e := awsapi.Errorf("EntityAlreadyExists", format, args...)
	e.Status = http.StatusConflict
	return e
}

func deleteConflict(format string, args ...any) *awsapi.Error {
	e := awsapi.Errorf("DeleteConflict", format, args...)
	e.Status = http.StatusConflict
	return e
}

func limitExceeded(format string, args ...any) *awsapi.Error {
	e := awsapi.Errorf("LimitExceeded", format, args...)
	e.Status = http.StatusConflict
	return e
}

// overQuota names the quota as IAM does: "AccessKeysPerUser: 2".
func overQuota(quota string, limit int) *awsapi.Error {
	return limitExceeded("Cannot exceed quota for %s: %d", quota, limit)
}

func invalidAuthenticationCode() *awsapi.Error {
	e := awsapi.Errorf("InvalidAuthenticationCode", "Authentication code for device is not valid.")
	e.Status = http.StatusForbidden
	return e
}

func invalidInput(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("InvalidInput", format, args...)
}

func validation(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("ValidationError", format, args...)
}

func accessDenied(format string, args ...any) *awsapi.Error {
	e := awsapi.Errorf("AccessDenied", format, args...)
	e.Status = http.StatusForbidden
	return e
}

func passwordViolation(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("PasswordPolicyViolation", format, args...)
}
