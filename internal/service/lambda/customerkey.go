package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"cloister/internal/awsapi"
	kmsapi "cloister/internal/awsapi/kms"
	api "cloister/internal/awsapi/lambda"
	"cloister/internal/door"
	"cloister/internal/door/customerkey"
	"cloister/internal/store"
)

// A function's environment can be under a key of its customer's (KMSKeyArn,
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html).
// It is then opened for who reads the configuration, with that caller's own
// permission to decrypt, and for a cell, with the function's role.

// underKey is the encryption context, which policies and grants can ask for.
func underKey(f ref) customerkey.Context {
	return customerkey.Context{"aws:lambda:FunctionArn": f.functionARN()}
}

// sealEnvironment has v hold an environment, under v's key if it has one, which
// the caller must be allowed to use.
func (s *Service) sealEnvironment(c *door.Call, f ref, v *version, env map[string]string) error {
	v.Environment, v.Sealed, v.Grant = env, nil, ""
	if v.KMSKey == "" || len(env) == 0 {
		return nil
	}
	text, err := json.Marshal(env)
	if err != nil {
		return err
	}
	sealed, err := customerkey.Seal(c, s.door, c.Principal, v.KMSKey, underKey(f), text)
	if err != nil {
		return keyRefused("GenerateDataKey", err)
	}
	if err := s.grantToRole(c, f, v); err != nil {
		return err
	}
	v.Environment, v.Sealed = nil, sealed
	return nil
}

// grantToRole lets a function's role decrypt what is the function's, as Lambda
// does on AWS, until Lambda retires the grant.
func (s *Service) grantToRole(c *door.Call, f ref, v *version) error {
	out, err := door.Do(c, s.door, c.Principal, kmsapi.OpCreateGrant, &kmsapi.CreateGrantRequest{
		KeyId: ptr(v.KMSKey), GranteePrincipal: ptr(v.Role), Operations: []string{"Decrypt"},
		Constraints:       &kmsapi.GrantConstraints{EncryptionContextEquals: underKey(f)},
		RetiringPrincipal: ptr(lambdaService),
	})
	if err != nil {
		return keyRefused("CreateGrant", err)
	}
	v.Grant = *out.GrantId
	return nil
}

// openEnvironment is the environment of v, for whoever as is.
func (s *Service) openEnvironment(ctx context.Context, as *door.Principal, f ref, v *version) (map[string]string, error) {
	if v.Sealed == nil {
		return v.Environment, nil
	}
	text, err := customerkey.Open(ctx, s.door, as, underKey(f), v.Sealed)
	if err != nil {
		return nil, err
	}
	var env map[string]string
	return env, json.Unmarshal(text, &env)
}

// shown is a version and its configuration as an answer shows it.
type shown struct {
	version *version
	as      *api.FunctionConfiguration
}

// reveal finishes an answer, once its transaction is over: with the environment
// that is under a customer's key, or with why its reader does not get it.
func (s *Service) reveal(c *door.Call, f ref, answer *shown, failed error) (*api.FunctionConfiguration, error) {
	if failed != nil || answer.version.Sealed == nil {
		return answer.config(), failed
	}
	env, err := s.openEnvironment(c, c.Principal, f, answer.version)
	answer.as.Environment = &api.EnvironmentResponse{Variables: env}
	if err != nil {
		code, message, ok := kmsError(err)
		if !ok { // one function of a list must not take the others away
			code, message = "KMSInternalException", keyServiceFailed
		}
		answer.as.Environment.Error = &api.EnvironmentError{
			ErrorCode: ptr(code),
			Message:   ptr("Lambda was unable to decrypt your environment variables because " + keyTrouble(code) + ". Please check your KMS key settings. KMS Exception: " + code + " KMS Message: " + message),
		}
	}
	return answer.as, nil
}

func (s *shown) config() *api.FunctionConfiguration {
	if s == nil {
		return nil
	}
	return s.as
}

// nextEnvironment is what an update makes of a function's environment and of the
// key that it is under.
type nextEnvironment struct {
	changes  bool
	version         // its environment, sealed or not, and its key
	revision string // that it was made from
}

// nextEnvironment opens the present environment, if it goes under another key,
// and seals the next one: with the caller's permissions for both keys.
func (s *Service) nextEnvironment(c *door.Call, f ref, in *api.UpdateFunctionConfigurationRequest) (*nextEnvironment, error) {
	if in.Environment == nil && in.KMSKeyArn == nil && in.Role == nil {
		return &nextEnvironment{}, nil
	}
	var v *version
	err := c.View(func(r store.Reader) (err error) { v, err = latestOf(r, f, in.RevisionId); return err })
	if err != nil {
		return nil, err
	}
	next := &nextEnvironment{changes: true, version: *v, revision: v.RevisionID}
	next.Role, next.KMSKey = or(in.Role, v.Role), or(in.KMSKeyArn, v.KMSKey)
	if in.Environment != nil || next.KMSKey != v.KMSKey {
		env := environment(in.Environment)
		if in.Environment == nil {
			if env, err = s.openEnvironment(c, c.Principal, f, v); err != nil {
				return nil, keyRefused("Decrypt", err)
			}
		}
		return next, s.sealEnvironment(c, f, &next.version, env)
	}
	if v.Sealed != nil {
		return next, s.grantToRole(c, f, &next.version)
	}
	return next, nil
}

// set gives v the environment, unless v changed meanwhile.
func (n *nextEnvironment) set(v *version) error {
	if !n.changes {
		return nil
	}
	if v.RevisionID != n.revision {
		return fail("ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource.")
	}
	v.Environment, v.KMSKey, v.Sealed, v.Grant = n.Environment, n.KMSKey, n.Sealed, n.Grant
	return nil
}

// keyRefused is the error of a configuration whose key cannot be used.
func keyRefused(operation string, err error) error {
	code, message, ok := kmsError(err)
	if !ok {
		return keyServiceError(err)
	}
	return fail("InvalidParameterValueException", "Lambda was unable to configure access to your environment variables because the KMS key is invalid for %s. Please check your KMS key settings. KMS Exception: %s KMS Message: %s", operation, code, message)
}

// environmentError is the error of an invocation whose environment does not open.
func environmentError(err error) error { return startRefused("the environment variables", err) }

// startRefused is the error of an invocation for which what is under a key does
// not open.
func startRefused(what string, err error) error {
	code, message, ok := kmsError(err)
	if !ok {
		return keyServiceError(err)
	}
	ours := map[string]string{
		"AccessDeniedException": "KMSAccessDeniedException", "DisabledException": "KMSDisabledException",
		"KMSInvalidStateException": "KMSInvalidStateException", "NotFoundException": "KMSNotFoundException",
	}[code]
	if ours == "" {
		return err
	}
	return fail(ours, "Lambda was unable to decrypt %s because %s. Please check the function's KMS key settings. KMS Exception: %s KMS Message: %s", what, keyTrouble(code), code, message)
}

const keyServiceFailed = "The Key Management Service could not answer. The node's own log says why."

// keyServiceError is the error of a call for which the Key Management Service
// failed, which is not the caller's fault. Its own code is none of Lambda's.
func keyServiceError(err error) error {
	var wire *awsapi.Error
	if !errors.As(err, &wire) {
		return err
	}
	slog.Error("what is under a customer's key could not be had", "error", err)
	e := awsapi.Errorf("ServiceException", keyServiceFailed).With("Type", "Service")
	e.Status, e.Cause = http.StatusInternalServerError, err
	return e
}

// keyTrouble says in words what the Key Management Service said in a code.
func keyTrouble(code string) string {
	switch code {
	case "DisabledException":
		return "the KMS key used is disabled"
	case "KMSInvalidStateException":
		return "the state of the KMS key used is not valid for Decrypt"
	case "NotFoundException":
		return "the KMS key was not found"
	}
	return "KMS access was denied"
}

// kmsError is a refusal of the Key Management Service in its words. What is no
// refusal (a disk that failed, a service that is not well, a caller who left)
// is nothing that the request could be blamed for: false.
func kmsError(err error) (code, message string, ok bool) {
	var wire *awsapi.Error
	if !errors.As(err, &wire) || wire.Status >= http.StatusInternalServerError {
		return "", "", false
	}
	if wire.Code == "AccessDenied" {
		return "AccessDeniedException", wire.Message, true
	}
	return wire.Code, wire.Message, true
}
