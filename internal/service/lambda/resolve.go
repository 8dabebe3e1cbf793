package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	smapi "cloister/internal/awsapi/secretsmanager"
	ssmapi "cloister/internal/awsapi/ssm"
	"cloister/internal/door"
	"cloister/internal/service/lambda/invoke"
)

// reference is one in a variable's value, in CloudFormation's form
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html).
var reference = regexp.MustCompile(`\{\{resolve:([a-z-]+):([^{}]*)\}\}`)

// refers tells whether variables refer to secrets that are kept elsewhere.
func refers(variables map[string]string) bool {
	for _, value := range variables {
		if strings.Contains(value, "{{resolve:") {
			return true
		}
	}
	return false
}

// resolveReferences gives the variables of one cell: what they refer to is read
// as the function's own role, so that its policies decide.
func (s *Service) resolveReferences(ctx context.Context, as *door.Principal, variables map[string]string) (invoke.Environment, error) {
	if !refers(variables) {
		return invoke.Environment{Variables: variables}, nil
	}
	r := &resolver{s, ctx, as, map[string]string{}}
	env := invoke.Environment{Variables: make(map[string]string, len(variables))}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		resolved, err := r.replace(variables[name])
		if err != nil {
			return invoke.Environment{}, unresolved(name, err)
		}
		if strings.ContainsRune(resolved, 0) {
			return invoke.Environment{}, unresolved(name, errors.New("the value holds a NUL character, which no variable can"))
		}
		env.Variables[name] = resolved
	}
	for _, secret := range r.known {
		env.Secrets = append(env.Secrets, []byte(secret))
	}
	return env, nil
}

// unresolved makes of an error what the function's callers may know: which
// variable, and why. What is the platform's own stays an error.
func unresolved(name string, err error) error {
	var e *awsapi.Error
	if errors.As(err, &e) && e.Status >= http.StatusInternalServerError {
		return err
	}
	return &invoke.UnresolvedError{Reason: fmt.Sprintf("The variable %s could not be resolved: %s", name, err)}
}

// resolver reads each reference once.
type resolver struct {
	service *Service
	ctx     context.Context
	as      *door.Principal
	known   map[string]string
}

// replace puts what is referred to in the places of the references.
func (r *resolver) replace(value string) (resolved string, failed error) {
	resolved = reference.ReplaceAllStringFunc(value, func(text string) string {
		if known, ok := r.known[text]; ok {
			return known
		}
		parts := reference.FindStringSubmatch(text)
		got, err := r.read(parts[1], parts[2])
		if err != nil {
			failed = errors.Join(failed, err)
			return ""
		}
		r.known[text] = got
		return got
	})
	if failed == nil && strings.Contains(reference.ReplaceAllString(value, ""), "{{resolve:") {
		failed = errors.New("it has a reference that is not of the form {{resolve:SERVICE:NAME}}")
	}
	return resolved, failed
}

func (r *resolver) read(service, rest string) (string, error) {
	switch service {
	case "secretsmanager":
		return r.secret(rest)
	case "ssm-secure", "ssm":
		return r.parameter(rest)
	}
	return "", fmt.Errorf("there are references to secretsmanager, ssm-secure and ssm, not to %q", service)
}

// secret reads NAME:SecretString:KEY:STAGE:VERSION, of which all but the name
// may be left out.
func (r *resolver) secret(rest string) (string, error) {
	id, options := cutSecretID(rest)
	if id == "" || len(options) > 4 || option(options, 0) != "" && option(options, 0) != "SecretString" {
		return "", errors.New("a reference to a secret is {{resolve:secretsmanager:NAME:SecretString:KEY:STAGE:VERSION}}")
	}
	in := &smapi.GetSecretValueRequest{SecretId: &id}
	if stage := option(options, 2); stage != "" {
		in.VersionStage = &stage
	}
	if version := option(options, 3); version != "" {
		in.VersionId = &version
	}
	out, err := door.Do(r.ctx, r.service.door, r.as, smapi.OpGetSecretValue, in)
	if err != nil {
		return "", err
	}
	if out.SecretString == nil {
		return "", errors.New("the secret is binary")
	}
	if key := option(options, 1); key != "" {
		return member(*out.SecretString, key)
	}
	return *out.SecretString, nil
}

// cutSecretID takes a secret's name or ARN from the options behind it.
func cutSecretID(rest string) (id string, options []string) {
	parts := strings.Split(rest, ":")
	n := 1
	if parts[0] == "arn" {
		n = 7
	}
	if len(parts) < n {
		return "", nil
	}
	return strings.Join(parts[:n], ":"), parts[n:]
}

func option(options []string, i int) string {
	if i < len(options) {
		return options[i]
	}
	return ""
}

// member is one value of a JSON object. Its errors say nothing of the object.
func member(text, key string) (string, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) != nil {
		return "", errors.New("the secret is no JSON object, so that it has no keys")
	}
	raw, ok := object[key]
	if !ok {
		return "", fmt.Errorf("the secret has no key %q", key)
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	return string(raw), nil
}

// parameter reads NAME or NAME:VERSION.
func (r *resolver) parameter(rest string) (string, error) {
	name, version, versioned := strings.Cut(rest, ":")
	if _, err := strconv.Atoi(version); name == "" || versioned && err != nil {
		return "", errors.New("a reference to a parameter is {{resolve:ssm-secure:NAME}} or {{resolve:ssm-secure:NAME:VERSION}}")
	}
	out, err := door.Do(r.ctx, r.service.door, r.as, ssmapi.OpGetParameter, &ssmapi.GetParameterRequest{Name: &rest, WithDecryption: ptr(true)})
	if err != nil {
		return "", err
	}
	return val(out.Parameter.Value), nil
}
