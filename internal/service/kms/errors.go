package kms

import (
	"errors"
	"net/http"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/kms"
	"cloister/internal/store"
)

func fail(code, format string, args ...any) error { return awsapi.Errorf(code, format, args...) }

func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", format, args...)
}

func unsupported(format string, args ...any) error {
	return awsapi.Errorf("UnsupportedOperationException", format, args...)
}

func invalidARN(given string) error { return fail("InvalidArnException", "Invalid arn %s", given) }

func invalidKeyID(given string) error { return fail("NotFoundException", "Invalid keyId '%s'", given) }

func noKey(k keyID) error { return fail("NotFoundException", "Key '%s' does not exist", k.arn()) }

func noAlias(a aliasID) error { return fail("NotFoundException", "Alias %s is not found.", a.arn()) }

// badCiphertext is the one answer for all that can be wrong with a ciphertext.
// AWS says no more either.
func badCiphertext() error { return fail("InvalidCiphertextException", "") }

func isBadCiphertext(err error) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && e.Code == "InvalidCiphertextException"
}

func incorrectKey() error {
	return fail("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
}

// dryRun ends a request that would have succeeded.
func dryRun() error {
	e := awsapi.Errorf("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
	e.Status = http.StatusPreconditionFailed
	return e
}

func invalidState(k *keyRow, format string, args ...any) error {
	return fail("KMSInvalidStateException", k.arn()+" "+format, args...)
}

// or404 turns the store's ErrNotFound into the API's error.
func or404(err, missing error) error {
	if errors.Is(err, store.ErrNotFound) {
		return missing
	}
	return err
}

// notForEnclaves refuses what would be encrypted to an AWS Nitro enclave.
func notForEnclaves(recipient *api.RecipientInfo) error {
	if recipient != nil {
		return unsupported("This node has no Nitro enclaves: leave out Recipient.")
	}
	return nil
}

func gone(err error) bool { return errors.Is(err, errNoMaterial) }

// unavailable is the answer where the material of a key that should have some
// cannot be had.
func unavailable(k *key, cause error) error {
	e := awsapi.Errorf("KeyUnavailableException", "The key material of %s is not available. You can retry the request.", k.arn())
	e.Status, e.Cause = http.StatusInternalServerError, cause
	return e
}

func conflict() error {
	return fail("ConflictException", "The key was changed meanwhile. You can retry the request.")
}
