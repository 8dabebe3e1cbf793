package sts

import (
	"errors"
	"net/http"

	"cloister/internal/awsapi"
	"cloister/internal/dial"
	"cloister/internal/oidc"
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

func invalidToken(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("InvalidIdentityToken", format, args...)
}

func noProvider(issuer string) *awsapi.Error {
	return invalidToken("No OpenIDConnect provider found in your account for %.255s", issuer)
}

// keyError is the answer when an issuer's keys cannot be had. It says nothing of
// addresses, which the node's log has.
func keyError(err error) error {
	switch {
	case errors.Is(err, dial.ErrNotTrusted):
		return invalidToken("OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint")
	case errors.Is(err, oidc.ErrNoKey):
		return invalidToken("Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	case errors.Is(err, oidc.ErrUnreachable):
		return awsapi.Errorf("IDPCommunicationError", "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the incoming identity token could not be reached.")
	}
	return err
}
